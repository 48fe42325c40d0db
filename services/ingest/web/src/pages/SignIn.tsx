import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, type SignInWays, outage, signIn, signInElsewhere } from "../api.ts";
import { Text } from "../parts/Text.tsx";
import { useStore } from "../store.ts";

const WRONG: Record<string, string> = {
  "sign-in-wrong": "That name and password do not belong together.",
  "sign-in-rate": "Too many tries. Wait a minute, then try again.",
};

export function SignIn({ ways, expired }: { ways: SignInWays; expired?: string }) {
  const [error, setError] = useState<string | null>(() => new URLSearchParams(location.search).get("sign_in_error"));
  const [busy, setBusy] = useState(false);
  const name = useRef<HTMLInputElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const out = useStore(outage);

  useEffect(() => {
    document.title = "Sign in – fhirbus diagnostics";
    (name.current ?? heading.current)?.focus();
  }, []);

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    setBusy(true);
    setError(null);
    try {
      await signIn(String(form.get("name")), String(form.get("password")));
    } catch (e) {
      const known = e instanceof ApiError ? WRONG[e.code] : undefined;
      setError(known ?? (e as Error).message);
      setBusy(false);
    }
  };

  return (
    <main class="sign-in">
      <div class="sign-in-card">
        <svg viewBox="0 0 32 32" width="36" height="36" aria-hidden="true"><rect width="32" height="32" rx="7" class="brand-box" /><path d="M7 10h10l4 6-4 6H7M21 16h5" fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round" /></svg>
        <h1 ref={heading} tabIndex={-1}>fhirbus diagnostics</h1>
        {expired ? <p>Your session has ended. Sign in again, and you are back where you were.</p> : <p>What came in, what was wrong with it, what became of it.</p>}
        {out && <p class="notice bad" role="alert"><Text value={out.text} /></p>}
        {error && <p class="notice bad" role="alert"><Text value={error} /></p>}
        {ways.oidc && <button type="button" class="primary wide" onClick={signInElsewhere}>Sign in with your organisation</button>}
        {ways.oidc && ways.local && <p class="or"><span>or</span></p>}
        {ways.local && (
          <form class="stack" onSubmit={submit}>
            <label>Name<input ref={name} name="name" autocomplete="username" required defaultValue={expired ?? ""} spellcheck={false} /></label>
            <label>Password<input name="password" type="password" autocomplete="current-password" required /></label>
            <button type="submit" class={ways.oidc ? "wide" : "primary wide"} disabled={busy}>{busy ? "Signing in…" : "Sign in"}</button>
          </form>
        )}
        {!ways.oidc && !ways.local && <p class="notice warn">No way to sign in is set up. The operators' guide says how.</p>}
      </div>
    </main>
  );
}
