import type { PageProps } from "../App.tsx";

export default function Rules(_: PageProps) {
  return <div class="page"><h1>Rules</h1></div>;
}
