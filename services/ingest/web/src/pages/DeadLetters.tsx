import type { PageProps } from "../App.tsx";

export default function DeadLetters(_: PageProps) {
  return <div class="page"><h1>DeadLetters</h1></div>;
}
