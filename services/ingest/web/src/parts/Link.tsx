import type { ComponentChildren } from "preact";
import { go } from "../place.ts";

interface Props {
  to: string;
  children: ComponentChildren;
  class?: string;
  title?: string;
  current?: boolean;
  onGo?: () => void;
}

/** An ordinary link (new tab, copy address) that moves within the page when clicked plainly. */
export function Link({ to, children, current, onGo, ...rest }: Props) {
  const click = (event: MouseEvent) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
    onGo?.();
  };
  return <a href={to} class={rest.class} title={rest.title} aria-current={current ? "page" : undefined} onClick={click}>{children}</a>;
}
