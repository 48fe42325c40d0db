import type { PageProps } from "../App.tsx";

export default function Replays(_: PageProps) {
  return <div class="page"><h1>Replays</h1></div>;
}
