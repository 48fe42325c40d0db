"""Runs pages.mjs: how soon the signed-in pages paint, and show what they are about, with all these interactions; and
how a payload of 10 MiB comes and scrolls."""
import base64
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import time

from questions import ONE

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
BROWSER = ROOT / "tests" / "e2e" / "browser"  # whose playwright-core this is
PAINT_GOAL_MS = 1000
LOADS = int(os.environ.get("LOADS") or 5)
ROW = ".grid-row a.open"
TABLE = "main table tbody tr, main .empty"
PAGES = [("overview, 30 days", "/?last=30d", ".funnel"), ("overview, 7 days", "/?last=7d", ".funnel"),
         ("interactions, 30 days", "/interactions?last=30d", ROW), ("failures by errors", "/interactions?last=30d&state=FAIL&sort=errors:desc", ROW),
         ("words, by size", "/interactions?last=30d&q=reference&sort=payload_bytes:desc", ROW), ("one interaction", f"/interactions/{ONE}", "main [role=tab]"),
         ("replays", "/replays", TABLE), ("dead letters", "/dead-letters", TABLE), ("rules", "/rules", ".pick li"), ("guides", "/guides", TABLE),
         ("callers", "/callers", TABLE), ("playground", "/playground", "main h1")]


def modules(folder):
    """playwright-core as the browser's test has it locked; None without npm or Chromium."""
    if not all(shutil.which(p) for p in ("node", "npm", "chromium")):
        return None
    lock = (BROWSER / "package-lock.json").read_text()
    stamp = folder / "installed"
    if not stamp.exists() or stamp.read_text() != lock:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(BROWSER / name, folder / name)
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, check=True, capture_output=True)
        stamp.write_text(lock)
    return folder


def key_of(certificate):
    """What Chromium knows a certificate's key by."""
    public = subprocess.run(["openssl", "x509", "-in", certificate, "-pubkey", "-noout"], check=True, capture_output=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=public, check=True, capture_output=True).stdout
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


def large_bundle(target=10 * 1024 * 1024 - 4096):
    """The example with observations until it is as large as a document may be; set out in lines it has some 700,000."""
    bundle = json.loads((ROOT / "docs" / "examples" / "screening-bundle.json").read_text().replace("screening-0001", f"large-{time.time_ns()}"))
    one = json.dumps(bundle["entry"][-1], separators=(",", ":"))
    more = max(0, target - len(json.dumps(bundle, separators=(",", ":")))) // (len(one) + 8)
    bundle["entry"] += [json.loads(one.replace("food-1", f"food-{n + 2}")) for n in range(more)]
    return json.dumps(bundle, separators=(",", ":"))


def measure(hub, name, password, payload, table, folder):
    stack = hub.stack
    task = {"url": stack.settings.url(), "name": name, "password": password, "loads": LOADS, "modules": str(folder), "payload": payload,
            "key": key_of(stack.settings.folder / "tls" / "server.pem"), "pages": [{"name": n, "path": p, "selector": s} for n, p, s in PAGES]}
    browser = subprocess.Popen(["node", HERE / "pages.mjs", json.dumps(task)], stdout=subprocess.PIPE, text=True)
    loads = []
    for line in browser.stdout:
        loads.append(json.loads(line))
        name = loads[-1]["name"]
        if len(loads) == LOADS:
            tell_payload(loads, table) if name == "payload" else tell_page(name, loads, table)
            loads = []
    if browser.wait():
        raise SystemExit(f"the browser ended with {browser.returncode}")


def tell_page(name, loads, table):
    for cache in ("cold", "warm"):
        table.add(f"page {name}, {cache}: first paint", [one[cache]["paint"] for one in loads], PAINT_GOAL_MS)
        table.add(f"page {name}, {cache}: what it is about", [one[cache]["seen"] for one in loads])


def tell_payload(loads, table):
    asked = loads[-1]["asked"]
    print(f"a payload of {asked['bytes'] / 2**20:.1f} MiB, {asked['packed'] / 2**20:.2f} MiB on the way", flush=True)
    table.add("payload: first paint of the page", [one["paint"] for one in loads], PAINT_GOAL_MS)
    for name, of in (("asked for", lambda o: o["asked"]["from"]), ("first byte", lambda o: o["asked"]["first"]), ("last byte", lambda o: o["asked"]["end"]),
                     ("first lines", lambda o: o["seen"]), ("all of it set out", lambda o: o["read"])):
        table.add(f"payload: {name}, since the page was gone to", [of(one) for one in loads])
    for step, name in (("300", "300 px"), ("2000", "2000 px"), ("0", "leaps")):
        table.add(f"payload: frames while it scrolls, {name} each", loads[-1]["frames"][step])
