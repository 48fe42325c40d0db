"""Kafka, PostgreSQL, ingest, and a stand-in for the validator: ingest by itself.

with ingest_stack("name", base_port) as stack: stack.post("/Bundle", body, headers) ...
"""
import contextlib
import http.client
import os
import pathlib
import shutil
import ssl
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
OUT = pathlib.Path(os.environ.get("OUT", ROOT / "build" / "release")).absolute()
sys.path[:0] = [str(ROOT / "tools" / "stack"), str(ROOT / "tests" / "e2e")]
sys.dont_write_bytecode = True

import certificates  # noqa: E402
import services  # noqa: E402
from pipeline import E2E, PATIENCE, done, note, ok, skip, wait_for  # noqa: E402,F401
from settings import Ports, Settings  # noqa: E402
from stack import Stack  # noqa: E402

STANDIN = "verdict-standin"


def folder_of(name):
    """Each build's own, as in pipeline: builds may be tested side by side."""
    return E2E / "ingest" / name


class IngestStack(Stack):
    def up_for_ingest(self, ingests=1, delay_ms=0, **settings):
        self.settings.environment.update({k: str(v) for k, v in settings.items()})
        self.settings.folder.mkdir(parents=True, exist_ok=True)
        certificates.ensure(self.settings.folder / "tls")
        self.start_backends()
        self.await_backends()
        self.make_topics()
        self.migrate()
        self.start_standin(delay_ms)
        for index in range(ingests):
            self.start("ingest", index)
        for index in range(ingests):
            self.await_(f"ingest-{index + 1}", lambda: self.ready("ingest", index), PATIENCE)

    def start_standin(self, delay_ms=0):
        self.processes.start(STANDIN, [OUT / "bin" / "verdict_standin", services.brokers(self.settings), delay_ms],
                             env=self.base_environment())

    def stop_standin(self):
        self.processes.stop(STANDIN)

    def seen(self, interaction=""):
        """What the stand-in was given: lists of interaction id, attempt, lane, bytes."""
        lines = self.processes.log(STANDIN).read_text().splitlines()
        return [l.split() for l in lines if l.startswith(interaction) and len(l.split()) == 4]

    def metric(self, name, index=0):
        text = self.get_ops("ingest", index, "/metrics")[1]
        return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.rpartition(" ")[0] == name)

    def context(self):
        return ssl.create_default_context(cafile=self.ca)

    def connection(self, index=0, timeout=30):
        return http.client.HTTPSConnection("localhost", self.settings.ports.https + index, timeout=timeout,
                                           context=self.context())

    def request(self, method, path, body=None, headers=(), index=0, connection=None):
        own = connection or self.connection(index)
        own.request(method, path, body, dict(headers))
        answer = own.getresponse()
        content = answer.read()
        if not connection:
            own.close()
        return answer.status, answer.headers, content

    def post(self, path, body, headers=(), **more):
        defaults = {"X-TechBD-Tenant-ID": "qe-1", "Content-Type": "application/fhir+json"}
        return self.request("POST", path, body, {**defaults, **dict(headers)}, **more)


@contextlib.contextmanager
def ingest_stack(name, base_port, **options):
    folder = folder_of(name)
    shutil.rmtree(folder, ignore_errors=True)
    cache = pathlib.Path(os.environ.get("FHIRBUS_CACHE", ROOT / ".cache"))
    stack = IngestStack(Settings(folder=folder, ports=Ports.from_base(base_port), bin=OUT / "bin", cache=cache))
    try:
        began = time.monotonic()
        stack.up_for_ingest(**options)
        note(f"stack up in {time.monotonic() - began:.1f} s")
        yield stack
    finally:
        for process in stack.processes.names():
            if process not in ("kafka", "postgres"):
                stack.processes.stop(process)
        stack.kafka.stop()
        stack.postgres.stop()
