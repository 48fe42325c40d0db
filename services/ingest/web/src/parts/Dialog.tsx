import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { Icon } from "./Icon.tsx";
import { ErrorNotice } from "./Panel.tsx";

interface DialogProps {
  title: string;
  children: ComponentChildren;
  onClose: () => void;
  wide?: boolean;
}

/** To where the focus was; what is not there any more, or cannot be used now, leaves it to the page. */
function focusBack(before: Element | null): void {
  if (before instanceof HTMLElement && before.isConnected) before.focus();
  setTimeout(() => {
    const now = document.activeElement;
    if (!now || now === document.body || (now instanceof HTMLButtonElement && now.disabled)) document.getElementById("main")?.focus({ preventScroll: true });
  });
}

/** The browser's own modal dialog: keeps focus inside, Escape closes, focus goes back to where it was. */
export function Dialog({ title, children, onClose, wide }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    const dialog = element.current!;
    dialog.showModal();
    return () => {
      dialog.close(); // as long as it is open nothing behind it takes the focus
      focusBack(before);
    };
  }, []);
  return (
    <dialog ref={element} class={wide ? "wide" : undefined} aria-labelledby={id} onCancel={(event) => { event.preventDefault(); onClose(); }}>
      <header class="dialog-head">
        <h2 id={id}>{title}</h2>
        <button type="button" class="quiet icon-only" aria-label="Close" onClick={onClose}><Icon name="close" /></button>
      </header>
      <div class="dialog-body">{children}</div>
    </dialog>
  );
}

interface ConfirmProps {
  title: string;
  /** what the button says: the act, not "OK" */
  act: string;
  danger?: boolean;
  children: ComponentChildren;
  run: () => Promise<void>;
  onClose: () => void;
}

/** Asks before what cannot be undone; stays open while it runs and says what went wrong. */
export function Confirm({ title, act, danger, children, run, onClose }: ConfirmProps) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await run();
      onClose();
    } catch (e) {
      setError(e as Error);
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit}>
        {children}
        {error && <ErrorNotice error={error} />}
        <footer class="dialog-foot">
          <button type="button" onClick={onClose}>Cancel</button>
          <button type="submit" class={danger ? "danger" : "primary"} disabled={busy}>{busy ? "Working…" : act}</button>
        </footer>
      </form>
    </Dialog>
  );
}
