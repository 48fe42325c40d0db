import type { PageProps } from "../App.tsx";

export default function Interaction(_: PageProps) {
  return <div class="page"><h1>Interaction</h1></div>;
}
