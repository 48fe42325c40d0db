"""Sends one real bundle through a running stack and shows what came back, and what to try next."""
import http.client
import json
import ssl
import time
import urllib.error
import urllib.request
import uuid

from settings import ROOT

BUNDLE = ROOT / "docs" / "examples" / "screening-bundle.json"
TENANT = "demo-qe"
PATIENCE_S = 120  # with a stack that is up and says 503: a machine under load, a broker that has just begun


class BundleError(Exception):
    pass


def send_once(stack, path, body, headers):
    """Status, headers, text."""
    context = ssl.create_default_context(cafile=stack.ca)
    request = urllib.request.Request(stack.settings.url() + path, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, context=context, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def send(stack, path, body=None, headers=(), seconds=PATIENCE_S):
    """As a good sender does: 503 with Retry-After is repeated, with the same X-Correlation-ID, but not for ever."""
    until = time.monotonic() + seconds
    while True:
        try:
            status, told, text = send_once(stack, path, body, dict(headers))
            wait = told.get("Retry-After", "")
            if status < 300:
                return status, json.loads(text)
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise BundleError(f"{path}: {error}") from error
        if status != 503 or not wait.isdigit() or time.monotonic() + int(wait) > until:
            raise BundleError(f"{path} answered {status}: {text.decode(errors='replace')[:500]}")
        time.sleep(int(wait))


def issues_of(outcome):
    for result in outcome.get("validationResults", []):
        yield from result.get("operationOutcome", {}).get("issue", [])


def show(outcome, took_ms):
    issues = list(issues_of(outcome))
    disposition = ", ".join(d.get("action", "?") for d in outcome.get("techByDesignDisposition", []))
    print(f"\nPOST {BUNDLE.relative_to(ROOT)} was answered in {took_ms:.0f} ms: "
          f"{len(issues)} issues, disposition {disposition or 'none'}\n")
    for issue in sorted(issues, key=lambda i: ["fatal", "error", "warning"].index(i["severity"]) if i["severity"] != "information" else 9)[:8]:
        where = (issue.get("expression") or issue.get("location") or [""])[0]
        text = issue.get("diagnostics") or issue.get("details", {}).get("text", "")
        print(f"  {issue['severity']:12} {where}\n  {'':12} {text[:150]}")
    if len(issues) > 8:
        print(f"  and {len(issues) - 8} more")


def await_state(stack, session, wanted, seconds=20):
    until = time.monotonic() + seconds
    while True:
        rows = send(stack, f"/Bundle/$status/{session}", headers={"X-TechBD-Tenant-ID": TENANT}.items())[1]
        states = [r.get("to_state") for r in rows] if isinstance(rows, list) else []
        if any(s in wanted for s in states) or time.monotonic() > until:
            return states
        time.sleep(0.1)


def submit_and_show(stack):
    headers = {"X-TechBD-Tenant-ID": TENANT, "Content-Type": "application/fhir+json",
               "X-Correlation-ID": str(uuid.uuid4())}
    body = BUNDLE.read_bytes()
    start = time.monotonic()
    answer = send(stack, "/Bundle", body, headers.items())[1]
    outcome = answer.get("OperationOutcome", answer)
    show(outcome, (time.monotonic() - start) * 1000)
    session = outcome.get("bundleSessionId", "")
    states = await_state(stack, session, ("COMPLETE", "FAIL"))
    print(f"\nand it went: {' -> '.join(dict.fromkeys(s for s in states if s))}")
    curl = f"curl --cacert {stack.ca}"
    url = stack.settings.url()
    print(f"""
Next, try:

  # what became of it
  {curl} -H 'X-TechBD-Tenant-ID: {TENANT}' '{url}/Bundle/$status/{session}'

  # the same checks; nothing goes to the data lake
  {curl} -H 'X-TechBD-Tenant-ID: {TENANT}' -H 'Content-Type: application/fhir+json' -d @{BUNDLE} '{url}/Bundle/$validate'

  # what the data lake got
  curl http://localhost:{stack.settings.ports.lake_control}/stats
""")
