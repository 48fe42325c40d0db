// embed - what Vite built -> what pages.c holds: each file as it is, by gzip and by Brotli.
//
// usage: node embed.mjs FOLDER TO      TO/pages.inc names TO/N, TO/N.gz, TO/N.br
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const TYPES = {
  html: "text/html; charset=utf-8", js: "text/javascript; charset=utf-8", css: "text/css; charset=utf-8",
  svg: "image/svg+xml", png: "image/png", ico: "image/x-icon", woff2: "font/woff2", json: "application/json",
  webmanifest: "application/manifest+json", txt: "text/plain; charset=utf-8", map: "application/json",
};
const PACKED = new Set(["png", "woff2", "ico"]); // of themselves

function filesOf(folder, below = "") {
  return readdirSync(join(folder, below), { withFileTypes: true })
    .flatMap((entry) => entry.isDirectory() ? filesOf(folder, `${below}${entry.name}/`) : [`${below}${entry.name}`])
    .filter((name) => !name.startsWith(".")).sort();
}

const [folder, to] = process.argv.slice(2);
rmSync(to, { recursive: true, force: true });
mkdirSync(to, { recursive: true });
const rows = [], bytes = [];
const LIMIT = 500_000; // of all that a browser may ever fetch, as it goes over the wire
let wire = 0;

function put(name, data) {
  const symbol = `page_${name.replace(/\W/g, "_")}`;
  writeFileSync(join(to, name), data);
  bytes.push(`PAGE_BYTES(${symbol}, "${to}/${name}")`);
  return `PAGE_STR(${symbol})`;
}

filesOf(folder).forEach((name, i) => {
  const data = readFileSync(join(folder, name));
  const ending = name.split(".").pop();
  const packs = !PACKED.has(ending) && data.length > 200;
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: data.length } };
  if (!(ending in TYPES)) throw new Error(`${name}: which media type is that?`);
  const tag = createHash("sha256").update(data).digest("base64url").slice(0, 22);
  const gzip = packs ? gzipSync(data, { level: 9 }) : data;
  wire += gzip.length;
  rows.push(`    {"${name}", "${TYPES[ending]}", "${tag}", ${name.startsWith("assets/")}, ${put(`${i}`, data)}, `
    + `${packs ? put(`${i}.gz`, gzip) : "PAGE_NONE"}, `
    + `${packs ? put(`${i}.br`, brotliCompressSync(data, quality)) : "PAGE_NONE"}},`);
});
writeFileSync(join(to, "pages.inc"),
  `${bytes.join("\n")}\nstatic const Page pages[] = {\n${rows.join("\n")}\n    {0},\n};\n`);
if (wire > LIMIT) throw new Error(`the pages take ${wire} bytes by gzip, more than ${LIMIT}`);
console.log(`  pages   ${Math.ceil(wire / 1000)} KB by gzip, of ${LIMIT / 1000}`);
