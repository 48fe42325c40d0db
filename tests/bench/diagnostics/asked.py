"""The whole way of what the pages ask: HTTPS to ingest, signed in, as a browser does; classes as in questions.py. What
counts is how long ingest takes, which it says itself; beside it what the client waits for."""
import datetime
import gzip
import http.client
import itertools
import json
import re
import ssl
import time
import urllib.parse

from questions import DEEP, FILTERS, ONE, SORTS

SERVER = "X-Observability-Metric-Interaction-Duration-Nanosecs"
LIMIT = 50
API = "/admin/api/diagnostics"
# Each list, DEEP rows deep: filters and order.
DEEP_LISTS = [({}, "received_at:desc"), ({"state": "COMPLETE"}, "received_at:desc"), ({"valid": "false"}, "errors:desc"),
              ({"source_type": "HL7V2"}, "payload_bytes:asc"), ({"q": "reference"}, "received_at:desc"), ({"tenant": "qe-a"}, "state_at:desc")]


class Person:
    """A browser: one connection, one cookie."""

    def __init__(self, stack, name, password):
        self.context = ssl.create_default_context(cafile=stack.ca)
        self.port, self.connection, self.cookie = stack.settings.ports.https, None, None
        answer, _ = self.ask("POST", "/admin/api/session", json.dumps({"name": name, "password": password}))
        self.csrf = json.loads(answer)["csrf"]

    def ask(self, method, path, body=None, headers=()):
        """The answer, and how long that took: server and first byte, in ms."""
        self.connection = self.connection or http.client.HTTPSConnection("localhost", self.port, timeout=120, context=self.context)
        sent = {"Accept-Encoding": "gzip", **({"Cookie": self.cookie} if self.cookie else {}),
                **({"Content-Type": "application/json"} if body else {}), **dict(headers)}
        began = time.monotonic()
        self.connection.request(method, path, body, sent)
        got = self.connection.getresponse()
        first = 1000 * (time.monotonic() - began)
        text = got.read()
        for cookie in got.headers.get_all("Set-Cookie") or []:
            if found := re.match(r"(__Host-fhirbus-session=[^;]+);", cookie):
                self.cookie = found[1]
        if got.status != 200:
            raise SystemExit(f"{method} {path}: {got.status} {text[:300]}")
        if got.headers.get("Content-Encoding") == "gzip":
            text = gzip.decompress(text)
        return text, (int(got.headers[SERVER]) / 1e6, first)

    def json(self, path):
        return json.loads(self.ask("GET", path)[0])


def at(ago):
    amount, unit = ago.split()
    then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(**{unit.rstrip("s") + "s": int(amount)})
    return then.isoformat(timespec="seconds").replace("+00:00", "Z")


def rows(filters=None, sort="received_at:desc", **more):
    asked = {("from" if k == "period" else k): (at(v) if k == "period" else v) for k, v in (filters or {}).items()}
    return "/interactions?" + urllib.parse.urlencode({**asked, **more, "sort": sort, "limit": LIMIT})


def deep(person, filters, sort):
    """The path of the page behind DEEP rows; of the last one where there are fewer."""
    path = rows(filters, sort).replace(f"limit={LIMIT}", "limit=500")
    for _ in range(DEEP // 500):
        path = person.json(path)["next"] or path
    return path.replace("limit=500", f"limit={LIMIT}")


def lists(person):
    singles = [{name: value} for name, values in FILTERS.items() for value in values]
    pairs = [{**a, **b} for a, b in itertools.combinations(singles, 2) if set(a).isdisjoint(b)][::7]
    yield "first page, no filter", [rows()] * 20
    yield "first page, one filter", [rows(f) for f in singles]
    yield "first page, two filters", [rows(f) for f in pairs]
    yield "first page, each sort", [rows({}, f"{s}:{way}") for s in SORTS for way in ("desc", "asc")]
    yield "first page, one filter, another sort", [rows(f, f"{s}:desc") for f in singles for s in ("errors", "complete_ms")]
    yield "words: rare", [rows(q=w) for w in ("zebra", "zebra1", "nowhere", "obs12", "obs1", "zebra minimum")] * 2
    yield "words: in many", [rows(q=w) for w in ("minimum", "value set", "reference", "is", "the bundle")] * 2
    yield "words: in many, and one filter", [rows(f, q="reference") for f in singles]
    yield "words: in many, each sort", [rows({}, f"{s}:{way}", q="reference") for s in SORTS[1:] for way in ("desc", "asc")]
    yield "message id, sender", [rows(**f) for f in ({"message_id": "Terminology_TX_NoValid_16"}, {"message_id": "Validation_VAL_Profile_Unknown"},
                                                    {"sender": "qe-a-sender-1"}, {"sender": "qe-l-sender-2"}, {"sender": "nobody"})] * 2
    yield "patient, bundle, id", [rows(patient="MRN-77"), rows(bundle_id="bundle-4711"), rows(interaction_id=ONE)] * 4
    yield f"next page, {DEEP:,} rows deep", [deep(person, f, s) for f, s in DEEP_LISTS] * 4


def rest(person):
    begin = person.json("/interactions/changes")["after"]
    yield "menus of filters", [f"/interactions/facets?from={at(p)}" for p in ("1 day", "7 days", "30 days")] * 3
    yield "overview", [f"{API}/overview?from={at(p)}{t}" for p in ("6 hours", "1 day", "7 days", "30 days") for t in ("", "&tenant=qe-a")] * 3
    yield "one interaction", [f"{API}/interactions/{ONE}"] * 8
    yield "replays", [f"{API}/replays"] * 8
    yield "dead letters", [f"{API}/dlq"] * 8
    yield "images", [f"{API}/images"] * 8
    yield "rules", [f"{API}/rules"] * 8
    yield "what changed since: 100 / 100,000 / with a rare word", [f"/interactions/changes?after={max(0, begin - n)}{q}"
                                                                  for n, q in ((100, ""), (100000, ""), (100000, "&q=zebra1"), (900000, "&state=received"))] * 3
    yield "export: its first part", [rows(f, s).replace(f"limit={LIMIT}", "limit=500&format=csv")
                                     for f, s in (({}, "received_at:desc"), ({"state": "FAIL"}, "errors:desc"), ({"q": "reference"}, "received_at:desc"))] * 3


def measure(person, table, goal_ms):
    """Each class twice: the first time for the caches."""
    for name, paths in itertools.chain(lists(person), rest(person)):
        for path in paths:
            person.ask("GET", path)
        took = [person.ask("GET", path)[1] for path in paths]
        table.add(f"HTTP {name}", [server for server, _ in took], goal_ms, client=[first for _, first in took])
