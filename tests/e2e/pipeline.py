"""What the end-to-end tests share: TAP, a stack of their own, load, and the question whether all arrived.

A test is a script:  with running_stack("name") as stack: ...; ok(condition, "what holds"); done().
The stack is the one of `make up` (tools/stack) in build/e2e/NAME (build/e2e-BUILD/NAME of a
sanitized BUILD), on ports of its own.
"""
import atexit
import contextlib
import ctypes
import fcntl
import hashlib
import http.client
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "stack"))
sys.dont_write_bytecode = True

from processes import Processes  # noqa: E402
from settings import SERVICES, Ports, Settings, free, instance_name  # noqa: E402
from stack import Stack, StackError  # noqa: E402

OUT = pathlib.Path(os.environ.get("OUT", ROOT / "build" / "release")).absolute()
E2E = ROOT / "build" / ("e2e" if OUT.name == "release" else f"e2e-{OUT.name}")
SHARED = ROOT.parent / "shared"
PLACEHOLDER = "00000000-0000-4000-8000-00000000beef"
TENANT = "test-qe"
PORTS_PER_STACK = 40
# How long a test waits for what must come at last. Only one that fails waits so long: on a machine that is
# busy with other things everything takes its time, and none of these tests is about that.
PATIENCE = 300
ATTEMPTS = 5 * PATIENCE  # of a sender, who repeats after 0.2 s
# Sanitized programs are long at everything: what is waited for less long than that is waited for longer.
SLOW = 1 if OUT.name == "release" else 5

# --- TAP --------------------------------------------------------------------------------------
_count, _failed = 0, 0
_lock = threading.Lock()


def ok(condition, name, why=""):
    with _lock:
        return _ok(condition, name, why)


def _ok(condition, name, why):
    global _count, _failed
    _count += 1
    if condition:
        print(f"ok {_count} - {name}", flush=True)
    else:
        _failed += 1
        print(f"not ok {_count} - {name}", flush=True)
        note(why)
    return bool(condition)


def skip(name, why):
    global _count
    _count += 1
    print(f"ok {_count} - {name} # SKIP {why}", flush=True)


def note(text):
    for line in str(text).splitlines():
        print(f"# {line}", flush=True)


def figure(text):
    """A measured number: tests/run shows it."""
    print(f"# figure: {text}", flush=True)


def at_once(**scenarios):
    """Runs functions side by side; what one of them raises is a test that fails."""
    def run(name, scenario):
        began = time.monotonic()
        try:
            scenario()
        except Exception as error:
            ok(False, f"{name} ends well", "".join(traceback.format_exception(error)))
        note(f"{name}: {time.monotonic() - began:.1f} s")

    threads = [threading.Thread(target=run, args=one) for one in scenarios.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def done():
    print(f"1..{_count}", flush=True)
    sys.exit(1 if _failed else 0)


def failures():
    return _failed


# --- a stack of one's own ---------------------------------------------------------------------
_port_lock = None


def take_ports():
    """A free block of FHIRBUS_TEST_PORTS (first-last), kept by a lock as long as this process lives."""
    global _port_lock
    first, last = map(int, os.environ.get("FHIRBUS_TEST_PORTS", "21300-21499").split("-"))
    for base in range(first, last - PORTS_PER_STACK + 2, PORTS_PER_STACK):
        lock = open(pathlib.Path(tempfile.gettempdir(), f"fhirbus-test-ports-{base}.lock"), "w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        if all(free(port) for port in range(base, base + PORTS_PER_STACK)):
            _port_lock = lock
            return base
        lock.close()
    raise StackError(f"no {PORTS_PER_STACK} free ports in a row between {first} and {last}: set FHIRBUS_TEST_PORTS")


def packages_of(guides):
    """A packages folder with these guides of ../shared and what they need; without any an empty one."""
    folder = E2E / ("packages" if guides else "no-packages")
    folder.mkdir(parents=True, exist_ok=True)
    if guides and SHARED.is_dir():
        for path in (SHARED / "packages").iterdir():
            wanted = not path.name.startswith("us.ny.") and ".au." not in path.name
            link = folder / path.name
            if (wanted or path.name in guides) and not link.exists():
                with contextlib.suppress(FileExistsError):  # another test has just made it
                    link.symlink_to(path)
    return folder


def compiler_of_images():
    """Images are data, and sanitized programs are long at making them: the release build does if it is not older than its sources."""
    release = ROOT / "build" / "release" / "bin" / "fhir-validate"
    sources = (p.stat().st_mtime for folder in ("services/validator", "common") for p in (ROOT / folder).rglob("*.[ch]"))
    return release if release.exists() and release.stat().st_mtime >= max(sources) else OUT / "bin" / "fhir-validate"


def make_stack(name, count=1, environment=None, bin=None, guides=(), **more):
    folder = E2E / name
    left_over = Processes(folder)
    for process in left_over.names():
        left_over.kill(process)
    base = take_ports()
    settings = Settings(folder=folder, ports=Ports.from_base(base), bin=bin or OUT / "bin",
                        count=dict.fromkeys(SERVICES, count) if isinstance(count, int) else {**dict.fromkeys(SERVICES, 1), **count},
                        environment={"REPLY_DEADLINE_MS": "60000", **(environment or {})}, packages=packages_of(guides), compiler=compiler_of_images(),
                        images=E2E / ("images-guides" if guides else "images"), **more)
    stack = Stack(settings)
    stack.postgres.drop()
    shutil.rmtree(folder, ignore_errors=True)
    return stack


@contextlib.contextmanager
def running_stack(name, count=1, environment=None, bin=None, guides=(), **more):
    """`more`: members of the stack's Settings."""
    missing = [s for s in SERVICES if not (OUT / "bin" / f"fhirbus-{s}").exists()]
    if missing:
        ok(False, name, f"not built: {', '.join(missing)}")
        done()
    # All of a test's many callers have one address: what is limited by it is e2e/limits' own matter.
    environment = {"ADDRESS_RATE_PER_S": "0", **(environment or {})}
    stack = make_stack(name, count, environment, bin, guides, **more)
    atexit.register(stack.down)
    start = time.monotonic()
    try:
        stack.up()
        note(f"stack is up after {time.monotonic() - start:.1f} s")
        yield stack
    except StackError as error:
        ok(False, "the stack runs", error)
    finally:
        stack.down()
        show_crashes(stack)  # after the end: leaks are told there
        if not failures():
            stack.postgres.drop()
            shutil.rmtree(stack.settings.folder / "kafka", ignore_errors=True)
        else:
            note(f"logs are in {stack.processes.logs}")


def show_crashes(stack):
    """What a sanitizer or CHECK said is a failure wherever it was said. (Below tests/run sanitizers write elsewhere; it looks.)"""
    marks = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "ThreadSanitizer:", "runtime error:", "CHECK failed:")
    for log in stack.processes.logs.glob("*.log"):
        hits = [line for line in log.read_text(errors="replace").splitlines() if any(m in line for m in marks)]
        if hits:
            ok(False, f"{log.stem} ran clean", "\n".join(hits[:5]))


def wait_for(condition, seconds=PATIENCE, every=0.1):
    """The first true value of condition(), or its last value when time is up."""
    until = time.monotonic() + max(seconds, min(seconds * SLOW, PATIENCE))
    while True:
        value = condition()
        if value or time.monotonic() > until:
            return value
        time.sleep(every)


# --- HTTP -------------------------------------------------------------------------------------
class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def outcome(self):
        return self.json().get("OperationOutcome", {})

    def session(self):
        """The interaction id, of a verdict or of a 202."""
        answer = self.json()
        outcome = answer.get("OperationOutcome", answer)
        return outcome.get("bundleSessionId") or outcome.get("statusUrl", "").rpartition("/")[2]


def connect(stack, index=0, timeout=PATIENCE, port=None):
    context = ssl.create_default_context(cafile=stack.ca)
    return http.client.HTTPSConnection("localhost", port or stack.settings.ports.https + index, timeout=timeout, context=context)


def request(stack, method, path, body=None, headers=None, index=0, timeout=PATIENCE, tenant=TENANT, port=None):
    connection = connect(stack, index, timeout, port)
    sent = {"X-TechBD-Tenant-ID": tenant} if tenant else {}
    if body is not None:
        sent["Content-Type"] = "application/fhir+json"
    sent.update(headers or {})
    try:
        connection.request(method, path, body, {k: v for k, v in sent.items() if v is not None})
        got = connection.getresponse()
        return Answer(got.status, dict((k.lower(), v) for k, v in got.getheaders()), got.read())
    finally:
        connection.close()


def post(stack, body, path="/Bundle", **more):
    return request(stack, "POST", path, body, **more)


# --- documents --------------------------------------------------------------------------------
def example(identity=None):
    """The example bundle of docs/, with an identity of its own."""
    text = (ROOT / "docs" / "examples" / "screening-bundle.json").read_text()
    return text.replace("screening-0001", identity or PLACEHOLDER)


def write_load_files(stack, copies=4):
    """Bodies for the load program: the example, and longer ones padded with further observations."""
    folder = stack.settings.folder / "load"
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for copy in range(copies):
        bundle = json.loads(example())
        observation = bundle["entry"][-1]
        for number in range(copy * 12):
            more = json.loads(json.dumps(observation).replace("food-1", f"food-{number + 2}"))
            bundle["entry"].append(more)
        path = folder / f"{copy}.json"
        path.write_text(json.dumps(bundle))
        paths.append(path)
    return paths


# --- load -------------------------------------------------------------------------------------
class Load:
    """The load program in the background; wait() gives its summary, documents() each one's fate."""

    def __init__(self, stack, files, path="/Bundle", port=None, **options):
        self.log = stack.settings.folder / f"load-{time.monotonic_ns()}.log"
        url = f"https://localhost:{port or stack.settings.ports.https}{path}"
        command = [OUT / "bin" / "load", "--url", url, "--ca", stack.ca, "--log", self.log,
                   "--placeholder", PLACEHOLDER, "--header", f"X-TechBD-Tenant-ID: {options.pop('tenant', TENANT)}",
                   "--header", "Content-Type: application/fhir+json"]
        for header in options.pop("headers", ()):
            command += ["--header", header]
        for name, value in options.items():
            command += [f"--{name}"] if value is True else [f"--{name}", value]
        self.process = subprocess.Popen([str(c) for c in (*command, *files)], stdout=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)

    def running(self):
        return self.process.poll() is None

    def wait(self, seconds=2 * PATIENCE):
        out, _ = self.process.communicate(timeout=seconds)
        return json.loads(out)

    def documents(self):
        rows = []
        for line in self.log.read_text().splitlines():
            due, latency, status, attempts, correlation, session, file, uuid = line.split()
            rows.append({"due_us": int(due), "latency_us": int(latency), "status": int(status), "attempts": int(attempts),
                         "correlation": correlation, "session": session, "file": int(file), "uuid": uuid})
        return rows


# --- did all of it arrive? ----------------------------------------------------------------------
_zstd = ctypes.CDLL("libzstd.so.1")
_zstd.ZSTD_decompress.restype = ctypes.c_size_t
_zstd.ZSTD_decompress.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]


def unzstd(packed, size):
    out = ctypes.create_string_buffer(size + 1)
    got = _zstd.ZSTD_decompress(out, size, packed, len(packed))
    return out.raw[:got] if got <= size else None


def stored_payload(stack, interaction):
    """The payload as the database gives it back, or None."""
    row = stack.postgres.query("SELECT payload_bytes, encode(payload, 'hex') FROM fhirbus.message "
                               f"WHERE interaction_id = '{interaction}'")
    if not row or "\n" in row:
        return None
    size, packed = row.split("|")
    return unzstd(bytes.fromhex(packed), int(size))


def rows(stack, sql):
    """Rows of text columns; '' for NULL."""
    text = stack.postgres.query(sql)
    return [line.split("|") for line in text.split("\n")] if text else []


def state_of(stack, interaction):
    return stack.postgres.query(f"SELECT state FROM fhirbus.interaction_state WHERE interaction_id = '{interaction}'")


def lake(stack, path="/stats"):
    with urllib.request.urlopen(f"http://127.0.0.1:{stack.settings.ports.lake_control}{path}", timeout=30) as answer:
        text = answer.read().decode()
    return [json.loads(line) for line in text.splitlines()] if path.startswith("/keys") else json.loads(text)


def lake_keys(stack, session):
    """Under which keys the lake has accepted documents of that interaction."""
    return {k["key"] for k in lake(stack, "/keys") if k["interaction"] == session}


def lake_mode(stack, mode, **more):
    query = "&".join([f"name={mode}", *(f"{k}={v}" for k, v in more.items())])
    url = f"http://127.0.0.1:{stack.settings.ports.lake_control}/mode?{query}"
    urllib.request.urlopen(urllib.request.Request(url, method="PUT"), timeout=10).close()


def settled(stack, sessions, seconds=PATIENCE):
    """Waits until each interaction is COMPLETE; yields those that are not."""
    wanted = set(sessions)

    def open_ones():
        complete = {r[0] for r in rows(stack, "SELECT interaction_id FROM fhirbus.interaction_state WHERE state = 'COMPLETE'")}
        return wanted - complete

    wait_for(lambda: not open_ones(), seconds, every=0.5)
    return open_ones()


def check_all_arrived(stack, what, documents, seconds=PATIENCE):
    """Every acknowledged document is stored once and reached the lake once by idempotency key."""
    acknowledged = [d for d in documents if 200 <= d["status"] < 300]
    sessions = [d["session"] for d in acknowledged]
    ok(acknowledged and len(set(sessions)) == len(sessions) and "-" not in sessions,
       f"{what}: {len(sessions)} of {len(documents)} documents acknowledged, each with its own id",
       f"different ids: {len(set(sessions))}; statuses: { {d['status'] for d in documents} }")
    missing = settled(stack, sessions, seconds)
    states = {s: state_of(stack, s) or "unknown" for s in sorted(missing)[:10]}
    ok(not missing, f"{what}: all of them are COMPLETE", f"{len(missing)} are not, such as {states}")
    stored = {r[0]: int(r[1]) for r in rows(stack, "SELECT interaction_id, count(*) FROM fhirbus.message GROUP BY 1")}
    wrong = [s for s in sessions if stored.get(s) != 1]
    ok(not wrong, f"{what}: each is stored once", f"{len(wrong)} are not: {[(s, stored.get(s, 0)) for s in wrong[:5]]}")
    check_lake(stack, what, sessions)


def check_lake(stack, what, sessions):
    accepted = rows(stack, "SELECT interaction_id, idempotency_key FROM fhirbus.delivery WHERE success")
    key_of = dict(accepted)
    seen = {k["key"]: k["count"] for k in lake(stack, "/keys")}
    keys = [key_of.get(s) for s in sessions]
    absent = [k for k in keys if not k or k not in seen]
    ok(not absent and len(set(keys)) == len(keys), f"{what}: each reached the lake, under one key of its own",
       f"{len(absent)} did not; {len(keys) - len(set(keys))} share a key")
    explain_repeats(stack, what, {k: n for k, n in seen.items() if n > 1})


def explain_repeats(stack, what, repeated):
    """A key that the lake saw twice is one whose first answer did not reach our records: say why."""
    ends = {}
    for key, why in rows(stack, "SELECT idempotency_key, coalesce(error_class, 'refused') FROM fhirbus.delivery WHERE NOT success"):
        ends.setdefault(key, why)
    causes = {}
    for key in repeated:
        why = ends.get(key, "no record: its submitter died, or its record came too late to be looked up")
        causes[why] = causes.get(why, 0) + 1
    told = "; ".join(f"{n} after {why}" for why, n in sorted(causes.items())) or "none"
    figure(f"{what}: repeated keys at the lake so far: {told}")


def sha256(data):
    return hashlib.sha256(data if isinstance(data, bytes) else data.encode()).hexdigest()
