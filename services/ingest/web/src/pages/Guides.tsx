import type { PageProps } from "../App.tsx";

export default function Guides(_: PageProps) {
  return <div class="page"><h1>Guides</h1></div>;
}
