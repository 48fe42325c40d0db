import type { ComponentChildren, ComponentType } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { type Session, access, findSession, outage, signOut } from "./api.ts";
import { clock } from "./format.ts";
import { ALL } from "./period.ts";
import { address, change, go, place } from "./place.ts";
import { Icon, type IconName } from "./parts/Icon.tsx";
import { Link } from "./parts/Link.tsx";
import { Text } from "./parts/Text.tsx";
import { SignIn } from "./pages/SignIn.tsx";
import { useStore } from "./store.ts";
import { theme } from "./theme.ts";
import { facets } from "./data.ts";
import { useAsk, useEvery } from "./useAsk.ts";

export interface PageProps {
  session: Session;
  /** what follows the page's own part of the path */
  rest: string;
}

interface Page {
  path: string;
  title: string;
  icon: IconName;
  load: () => Promise<{ default: ComponentType<PageProps> }>;
  may: (session: Session) => boolean;
}

const anyone = () => true;
/** Each page is a file that comes when it is first gone to. */
const pages: Page[] = [
  { path: "/", title: "Overview", icon: "overview", load: () => import("./pages/Overview.tsx"), may: anyone },
  { path: "/interactions", title: "Interactions", icon: "interactions", load: () => import("./pages/Interactions.tsx"), may: anyone },
  { path: "/replays", title: "Replays", icon: "replays", load: () => import("./pages/Replays.tsx"), may: (s) => s.rights.replay },
  { path: "/dead-letters", title: "Dead letters", icon: "dead", load: () => import("./pages/DeadLetters.tsx"), may: (s) => s.rights.replay },
  { path: "/rules", title: "Rules", icon: "rules", load: () => import("./pages/Rules.tsx"), may: anyone },
  { path: "/guides", title: "Guides", icon: "images", load: () => import("./pages/Guides.tsx"), may: anyone },
  { path: "/callers", title: "Callers", icon: "callers", load: () => import("./pages/Callers.tsx"), may: (s) => s.rights.administer },
  { path: "/playground", title: "Playground", icon: "playground", load: () => import("./pages/Playground.tsx"), may: anyone },
];
const onePage: Page = { path: "/interactions/", title: "Interaction", icon: "interactions", load: () => import("./pages/Interaction.tsx"), may: anyone };

function pageOf(path: string): { page: Page; rest: string } | null {
  if (path.startsWith(onePage.path) && path.length > onePage.path.length) return { page: onePage, rest: decodeURIComponent(path.slice(onePage.path.length)) };
  const bare = path.length > 1 ? path.replace(/\/$/, "") : path;
  const page = pages.find((p) => p.path === bare);
  return page ? { page, rest: "" } : null;
}

const loaded = new Map<Page, ComponentType<PageProps>>();

function useLoaded(page: Page | null): { Component: ComponentType<PageProps> | null; failed: boolean } {
  const [, turn] = useState(0);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    if (!page || loaded.has(page)) return;
    let gone = false;
    setFailed(false);
    page.load().then(
      (module) => {
        loaded.set(page, module.default);
        if (!gone) turn((n) => n + 1);
      },
      () => !gone && setFailed(true),
    );
    return () => {
      gone = true;
    };
  }, [page]);
  return { Component: page ? (loaded.get(page) ?? null) : null, failed };
}

function OutageBanner() {
  const out = useStore(outage);
  useEvery(3000, out !== null, findSession);
  if (!out) return null;
  return (
    <div class="outage" role="alert">
      <Icon name="alert" />
      <span><strong><Text value={out.text} max={300} /></strong> What is shown may be old; asked again every 3 seconds since {clock(out.since)} UTC.</span>
      <button type="button" class="small" onClick={() => void findSession()}>Try now</button>
    </div>
  );
}

function ThemeButton() {
  const now = useStore(theme);
  const next = { auto: "dark", dark: "light", light: "auto" } as const;
  return (
    <button type="button" class="quiet icon-only" title={`Colours: ${now}`} aria-label={`Colours: ${now}. Change to ${next[now]}`} onClick={() => theme.set(next[now])}>
      <Icon name={now === "dark" ? "moon" : "sun"} />
      <span class="theme-word">{now}</span>
    </button>
  );
}

/** What stays in the address from page to page: whom and when one looks at. */
function carried(query: URLSearchParams): Record<string, string | undefined> {
  return Object.fromEntries(["tenant", "last", "from", "to"].map((name) => [name, query.get(name) ?? undefined]).filter(([, value]) => value !== ALL));
}

function TenantPicker({ session, tenant }: { session: Session; tenant: string | null }) {
  const { path, query } = useStore(place);
  const [wanted, setWanted] = useState(false);
  const known = useAsk(wanted ? "tenants" : null, (signal) => facets({ from: new Date(Date.now() - 30 * 86_400_000).toISOString() }, signal));
  const set = (value: string) => {
    const next = new URLSearchParams(query);
    if (value) next.set("tenant", value);
    else next.delete("tenant");
    go(address(path, next));
  };
  if (session.tenants !== "*") {
    if (session.tenants.length === 1) return <span class="tenant-only" title="Your tenant"><Text value={session.tenants[0]} max={40} brief /></span>;
    return (
      <select aria-label="Tenant" value={tenant ?? ""} onChange={(e) => set(e.currentTarget.value)}>
        <option value="">All of mine</option>
        {session.tenants.map((t) => <option key={t} value={t}>{t}</option>)}
      </select>
    );
  }
  return (
    <form class="tenant-form" onFocusCapture={() => setWanted(true)} onSubmit={(e) => { e.preventDefault(); set(String(new FormData(e.currentTarget).get("tenant") ?? "").trim()); }}>
      <input key={tenant ?? ""} name="tenant" aria-label="Tenant" placeholder="All tenants" defaultValue={tenant ?? ""} autocomplete="off" spellcheck={false} list="tenants" />
      <datalist id="tenants">{known.data?.tenant?.map((t) => <option key={t.value} value={t.value} />)}</datalist>
    </form>
  );
}

function Header({ session, onMenu, menuOpen, onSignOut }: { session: Session; onMenu: () => void; menuOpen: boolean; onSignOut: () => void }) {
  const { query } = useStore(place);
  return (
    <header class="top">
      <button type="button" class="quiet icon-only menu-button" aria-label="Pages" aria-expanded={menuOpen} aria-controls="pages" onClick={onMenu}><Icon name="menu" /></button>
      <span class="brand"><svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true"><rect width="32" height="32" rx="7" class="brand-box" /><path d="M7 10h10l4 6-4 6H7M21 16h5" fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round" /></svg><span>fhirbus</span></span>
      <TenantPicker session={session} tenant={query.get("tenant")} />
      <span class="spring" />
      <ThemeButton />
      <span class="who" title="Signed in as"><Text value={session.name} max={40} brief /></span>
      <button type="button" class="quiet icon-only" aria-label="Sign out" title="Sign out" onClick={onSignOut}><Icon name="out" /></button>
    </header>
  );
}

/** The address may name a tenant that is not one's own, as a colleague's does: it is left out, and that is said. */
function useOwnTenant(session: Session, query: URLSearchParams): { settled: boolean; left: string | null; forget: () => void } {
  const [left, setLeft] = useState<string | null>(null);
  const tenant = query.get("tenant");
  const foreign = tenant !== null && session.tenants !== "*" && !session.tenants.includes(tenant);
  useEffect(() => {
    if (!foreign) return;
    setLeft(tenant);
    change({ tenant: undefined });
  }, [foreign, tenant]);
  return { settled: !foreign, left, forget: () => setLeft(null) };
}

function Shell({ session }: { session: Session }) {
  const now = useStore(place);
  const own = useOwnTenant(session, now.query);
  const found = pageOf(now.path);
  const { Component, failed } = useLoaded(found?.page ?? null);
  const [menu, setMenu] = useState(false);
  const [stayed, setStayed] = useState<string | null>(null);
  const leave = () => void signOut().then(setStayed);
  const main = useRef<HTMLElement>(null);
  const before = useRef(now);
  const title = found?.page.title ?? "Not here";

  useEffect(() => {
    document.title = `${title} – fhirbus diagnostics`;
    if (before.current === now) return; // as it was opened: from the top, by the way past the pages' names
    const moved = before.current.path !== now.path;
    before.current = now;
    const focused = document.activeElement;
    // What had the focus may be gone with what was there; a page that puts it somewhere itself knows better.
    if (focused === document.body || (moved && (focused === main.current || !main.current!.contains(focused)))) main.current!.focus({ preventScroll: true });
    if (moved) main.current!.scrollTo(0, 0);
  }, [now, title]);

  const closeMenu = () => {
    setMenu(false);
    document.querySelector<HTMLElement>(".menu-button")?.focus();
  };
  const allowed = found && found.page.may(session);
  let body: ComponentChildren;
  if (!found) body = <div class="page"><h1>Not here</h1><p>There is no page at this address. <Link to={address("/")}>To the overview</Link></p></div>;
  else if (!allowed) body = <div class="page"><h1>{title}</h1><p class="notice warn">Your rights do not include this page.</p></div>;
  else if (failed) body = <div class="page"><h1>{title}</h1><p class="notice bad">This page could not be loaded. <button type="button" class="small" onClick={() => location.reload()}>Load again</button></p></div>;
  else body = Component && own.settled ? <Component key={found.page.path + found.rest} session={session} rest={found.rest} /> : <p class="waiting" role="status">Loading…</p>;

  return (
    <div class="shell">
      <a class="skip" href="#main" onClick={(e) => { e.preventDefault(); main.current!.focus(); }}>Skip to the content</a>
      <Header session={session} menuOpen={menu} onMenu={() => setMenu(!menu)} onSignOut={leave} />
      <nav id="pages" class={menu ? "open" : undefined} aria-label="Pages" onKeyDown={(e) => e.key === "Escape" && closeMenu()}>
        {pages.filter((p) => p.may(session)).map((p) => (
          <Link key={p.path} to={address(p.path, carried(now.query))} current={found?.page === p || (p.path === "/interactions" && found?.page === onePage)} onGo={() => setMenu(false)}>
            <Icon name={p.icon} /><span>{p.title}</span>
          </Link>
        ))}
      </nav>
      <main id="main" ref={main} tabIndex={-1} aria-label={title}>
        <OutageBanner />
        {stayed !== null && <p class="notice bad stayed" role="alert"><span><strong>You are still signed in.</strong> Signing out did not work: <Text value={stayed} max={300} /></span><button type="button" class="small" onClick={leave}>Try again</button></p>}
        {own.left !== null && <p class="notice warn" role="status"><span>The address named the tenant <Text value={own.left} max={60} brief />, which you may not see: {session.tenants.length === 1 ? "your own is shown" : "yours are shown"}.</span><button type="button" class="small" onClick={own.forget}>Close</button></p>}
        {body}
      </main>
    </div>
  );
}

/** A session that ends leaves the page where it is, out of sight, until its owner is back. */
export function App() {
  const now = useStore(access);
  const out = useStore(outage);
  useEffect(() => {
    void findSession();
    void pageOf(place.value.path)?.page.load().catch(() => undefined); // at once with it, not after it
  }, []);

  if (now.state === "asking")
    return out ? <main class="alone"><OutageBanner /></main> : <p class="waiting alone" role="status">Loading…</p>;
  if (now.state === "out") return <SignIn ways={now.ways} />;
  return (
    <>
      {now.state === "expired" && <SignIn ways={now.ways} expired={now.session.name} />}
      <div class={now.state === "expired" ? "behind" : undefined} inert={now.state === "expired"}>
        <Shell session={now.session} />
      </div>
    </>
  );
}
