import type { PageProps } from "../App.tsx";

export default function Playground(_: PageProps) {
  return <div class="page"><h1>Playground</h1></div>;
}
