import { defineConfig } from "vite";

// What is built is embedded in ingest's binary and served under /admin/diagnostics/ with a strict
// Content-Security-Policy: no inline script or style, nothing as data: URL.
export default defineConfig({
  base: "/admin/diagnostics/",
  build: {
    outDir: "../../../build/web",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 700,
  },
  esbuild: { jsx: "automatic", jsxImportSource: "preact", legalComments: "none" },
  worker: { format: "es" },
});
