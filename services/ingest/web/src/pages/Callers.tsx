import type { PageProps } from "../App.tsx";

export default function Callers(_: PageProps) {
  return <div class="page"><h1>Callers</h1></div>;
}
