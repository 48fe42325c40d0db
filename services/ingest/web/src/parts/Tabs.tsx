import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

export interface Tab {
  name: string;
  label: ComponentChildren;
}

interface Props {
  tabs: Tab[];
  chosen: string;
  label: string;
  onChoose: (name: string) => void;
  children: ComponentChildren;
}

/** ARIA tabs: arrows move, Tab goes into the panel. */
export function Tabs({ tabs, chosen, label, onChoose, children }: Props) {
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => list.current!.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest", inline: "nearest" }), [chosen]);
  const key = (event: KeyboardEvent) => {
    const at = tabs.findIndex((t) => t.name === chosen);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = (to + tabs.length) % tabs.length;
    onChoose(tabs[next]!.name);
    (list.current!.children[next] as HTMLElement).focus();
  };
  return (
    <>
      <div class="tabs" role="tablist" aria-label={label} ref={list} onKeyDown={key}>
        {tabs.map((tab) => (
          <button type="button" role="tab" key={tab.name} id={`${id}-${tab.name}`} aria-selected={tab.name === chosen}
                  aria-controls={`${id}-panel`} tabIndex={tab.name === chosen ? 0 : -1} onClick={() => onChoose(tab.name)}>
            {tab.label}
          </button>
        ))}
      </div>
      <div class="tab-panel" role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${chosen}`}>{children}</div>
    </>
  );
}
