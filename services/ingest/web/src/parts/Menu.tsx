import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";

interface Props {
  label: ComponentChildren;
  /** said to a screen reader in place of the label */
  name?: string;
  children: (close: () => void) => ComponentChildren;
  class?: string;
  align?: "left" | "right";
}

/** A button that opens a small panel of controls: Escape and a click elsewhere close it. */
export function Menu({ label, name, children, align = "left", ...rest }: Props) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  useEffect(() => {
    if (!open) return;
    const outside = (event: Event) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    const first = root.current?.querySelector<HTMLElement>(".menu-panel :is(input, button, a, select)");
    first?.focus();
    addEventListener("pointerdown", outside);
    addEventListener("focusin", outside);
    return () => {
      removeEventListener("pointerdown", outside);
      removeEventListener("focusin", outside);
    };
  }, [open]);
  const key = (event: KeyboardEvent) => {
    if (event.key === "Escape" && open) {
      event.stopPropagation();
      close();
    }
  };
  return (
    <div class={`menu ${rest.class ?? ""}`} ref={root} onKeyDown={key}>
      <button type="button" ref={button} aria-expanded={open} aria-controls={id} aria-label={name} onClick={() => setOpen(!open)}>{label}</button>
      {open && <div class={`menu-panel ${align}`} id={id} role="group" aria-label={name}>{children(close)}</div>}
    </div>
  );
}
