"""A stack of its own with COUNT interactions in its database: rows.sql makes them, the grid catches up, and the
services are started once the database has been asked by itself."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
from pipeline import OUT, Ports, Settings, Stack, packages_of, post, take_ports, wait_for  # noqa: E402, F401
import postgres  # noqa: E402  (tools/stack)
from settings import SERVICES  # noqa: E402

FOLDER = ROOT / "build" / "bench-diagnostics"
# What a server with a million interactions has, and what lets them be made quickly.
postgres.SETTINGS |= {"shared_buffers": "768MB", "max_wal_size": "4GB", "checkpoint_timeout": "30min", "random_page_cost": "1.1", "fsync": "off"}
BATCH = 5000


class Hub:
    def __init__(self, count, binaries):
        self.count = count
        settings = Settings(folder=FOLDER, ports=Ports.from_base(take_ports()), bin=binaries, count=dict.fromkeys(SERVICES, 0),
                            environment={"ADDRESS_RATE_PER_S": "0"}, packages=packages_of(()), images=FOLDER.parent / "e2e" / "images")
        self.stack = Stack(settings)

    def up(self):
        """The database filled, or as it was kept; brokers, topics; no service yet."""
        self.stack.up()
        had = int(self.stack.postgres.query("SELECT count(*) FROM fhirbus.registry") or 0)
        if had < self.count * 0.99:
            if had:
                raise SystemExit(f"{FOLDER} has {had} interactions, not {self.count}: remove it, or say --count {had}")
            self.fill()

    def fill(self):
        environment = {**os.environ, **self.stack.postgres.environment()}
        began = time.monotonic()
        subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", f"count={self.count}", "-f", HERE / "rows.sql"],
                       check=True, capture_output=True, env=environment)
        print(f"{self.count} interactions made in {time.monotonic() - began:.0f} s; load {os.getloadavg()[0]:.0f}", flush=True)
        began = time.monotonic()
        while self.stack.postgres.query(f"SELECT fhirbus.refresh_grid({BATCH})") != "0":
            pass
        took = time.monotonic() - began
        print(f"the grid caught up in {took:.0f} s: {1e6 * took / self.count:.0f} us each; load {os.getloadavg()[0]:.0f}", flush=True)
        self.stack.postgres.query("VACUUM ANALYZE")

    def services(self):
        """One of each, as `make up` has it."""
        self.stack.settings.count = dict.fromkeys(SERVICES, 1)
        self.stack.up()

    def down(self, keep):
        self.stack.down()
        if not keep:
            self.stack.postgres.drop()
            shutil.rmtree(FOLDER, ignore_errors=True)


class Database:
    """Asked as ingest asks, in the scope of everybody."""

    def __init__(self, stack):
        self.stack = stack

    def psql(self, *commands, role="fhirbus_ingest"):
        server = self.stack.postgres
        environment = {**os.environ, **server.environment(), "PGUSER": role, "PGPASSWORD": server.password_file(role).read_text().strip(),
                       "PGOPTIONS": "-c jit=off"}  # as ingest does
        done = subprocess.run(["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1"], input="\n".join(commands), capture_output=True, text=True,
                              env=environment)
        if done.returncode:
            raise SystemExit(done.stderr)
        return done.stdout + done.stderr

    def scoped(self, *commands):
        return self.psql("BEGIN;", "SELECT set_config('fhirbus.scope', '{*}', true) \\g /dev/null", *commands, "\\timing off", "COMMIT;")

    def row_at(self, statement):
        text = self.scoped(f"SELECT key, received_at, interaction_id, tenant_id FROM ({statement}) s ;")
        return tuple(text.strip().splitlines()[-1].split("|"))

    def times_ms(self, statements):
        """As the client sees it on this machine, planning included, without showing what came. Each is asked twice on
        one connection, the second time counts: ingest keeps its connections, and a new one has yet to learn the schema."""
        text = self.scoped("\\timing on", *[f"{s} \\g /dev/null" for s in (*statements, *statements)])
        return [float(t) for t in re.findall(r"^Time: ([0-9.]+) ms", text, re.M)][len(statements):]

    def plans(self, statements):
        """EXPLAIN (ANALYZE, BUFFERS) of all that a statement does, also within functions, as ingest's role."""
        return self.psql("LOAD 'auto_explain';", "SET auto_explain.log_min_duration = 0; SET auto_explain.log_nested_statements = on;",
                         "SET auto_explain.log_analyze = on; SET auto_explain.log_buffers = on; SET client_min_messages = log;",
                         "SET ROLE fhirbus_ingest; SELECT set_config('fhirbus.scope', '{*}', false) \\g /dev/null",
                         *[f"\\warn ==== {name}\n{s} \\g /dev/null" for name, s in statements], role=postgres.OWNER)
