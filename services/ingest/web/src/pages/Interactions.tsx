import type { PageProps } from "../App.tsx";

export default function Interactions(_: PageProps) {
  return <div class="page"><h1>Interactions</h1></div>;
}
