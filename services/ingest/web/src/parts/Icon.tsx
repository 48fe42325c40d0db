/** Drawn here, so that nothing is fetched and nothing needs a font. 16 x 16, one stroke. */
const paths = {
  overview: "M2 13h12M4 13V8M8 13V3M12 13V6",
  interactions: "M2 3.5h12M2 8h12M2 12.5h12",
  playground: "M5 3 2 8l3 5M11 3l3 5-3 5M9 3 7 13",
  replays: "M13 8a5 5 0 1 1-1.5-3.5M13 2v3h-3",
  dead: "M2 5l2-3h8l2 3v8H2zM2 5h12M6.5 8h3",
  rules: "M3 4h6M12 4h1M3 8h1M7 8h6M3 12h6M12 12h1M10 2.5v3M5.5 6.5v3M10 10.5v3",
  images: "M8 2 2 5l6 3 6-3zM2 8l6 3 6-3M2 11l6 3 6-3",
  callers: "M6 7.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM1.5 13.5c0-2.5 2-4 4.5-4s4.5 1.5 4.5 4M11 3a2.5 2.5 0 0 1 0 4.5M12 9.8c1.5.5 2.5 1.8 2.5 3.7",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.6 10.6 14 14",
  close: "M3.5 3.5l9 9M12.5 3.5l-9 9",
  down: "M4 6l4 4 4-4",
  right: "M6 4l4 4-4 4",
  up: "M4 10l4-4 4 4",
  columns: "M2.5 3h11v10h-11zM6.2 3v10M9.8 3v10",
  download: "M8 2v8M5 7l3 3 3-3M2.5 13.5h11",
  copy: "M5.5 5.5h8v8h-8zM3.5 10.5h-1v-8h8v1",
  eye: "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8zM8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
  sun: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1M3.4 3.4l.7.7M11.9 11.9l.7.7M12.6 3.4l-.7.7M4.1 11.9l-.7.7",
  moon: "M13.5 9.5A6 6 0 0 1 6.5 2.5a6 6 0 1 0 7 7z",
  menu: "M2 4h12M2 8h12M2 12h12",
  alert: "M8 2 1.5 13.5h13zM8 6.5v3M8 11.5v.2",
  check: "M3 8.5l3.5 3.5L13 4.5",
  live: "M8 9.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM4.5 11.5a5 5 0 0 1 0-7M11.5 4.5a5 5 0 0 1 0 7",
  out: "M6 2.5H3v11h3M10 5l3 3-3 3M13 8H6",
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      <path d={paths[name]} fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}
