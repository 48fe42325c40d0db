"""A whole fhirbus on loopback: private PostgreSQL, a real Kafka broker, the services, a lake stand-in.

`make up` runs one in .run; each test and benchmark that needs one makes its own, in its own folder
and on its own ports:  stack = Stack(Settings(folder=..., ports=Ports.from_base(21300))); stack.up()
"""
import fcntl
import hashlib
import json
import os
import subprocess
import time
import urllib.error
import urllib.request

import certificates
import images
import services
from kafka import Kafka
from postgres import Postgres
from processes import Processes
from settings import ADMIN, OPERATOR, SERVICES, free, instance_name, listening

LAKE = "lake"
START_S = 180  # for whatever starts: on a busy machine all of it takes its time


class StackError(Exception):
    pass


def quiet(text):
    pass


class Stack:
    def __init__(self, settings, say=quiet):
        self.settings, self.say = settings, say
        self.processes = Processes(settings.folder)
        self.postgres = Postgres(settings.folder, settings.ports.postgres, self.processes, settings.broker_tls)
        self.kafka = Kafka(settings.folder, settings.ports.kafka, self.processes, settings.cache, tls=settings.broker_tls,
                           users=settings.broker_users)
        self.ca = settings.folder / "tls" / "ca.pem"

    # --- all of it ---------------------------------------------------------------------------
    def up(self):
        """Start what does not run, restart what was rebuilt or is told otherwise."""
        self.settings.folder.mkdir(parents=True, exist_ok=True)
        with open(self.settings.folder / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            made = certificates.ensure(self.settings.folder / "tls")
            if self.settings.broker_tls:
                made = certificates.ensure_internal(self.settings.folder / "tls" / "internal", (*SERVICES, OPERATOR, ADMIN)) or made
            self.say("development CA and certificates" + ("" if made else " (kept)"))
            self.start_backends()
            self.compile_images()
            self.start_lake()
            self.await_backends()
            self.make_topics()
            self.migrate()
            services.write_operator(self.settings, self.postgres)
            for service, index in self.settings.instances():
                self.start(service, index)
            self.await_ready()
            self.stop_surplus()

    def down(self):
        """Stop all, senders' side first; the data stays."""
        names = self.processes.names()
        order = [n for s in SERVICES for n in names if n.startswith(f"{s}-")]
        stopped = [n for n in order + [n for n in names if n == LAKE] if self.processes.stop(n)]
        stopped += [b.name for b in (self.kafka, self.postgres) if b.stop()]
        return stopped

    # --- what the services need --------------------------------------------------------------
    def start_backends(self):
        for backend, port in ((self.postgres, self.postgres.port), (self.kafka, self.kafka.port)):
            if not self.processes.pid(backend.name):
                self.need_free(backend.name, port)
            backend.start()

    def await_backends(self):
        for backend, what in ((self.postgres, "PostgreSQL"), (self.kafka, "Kafka")):
            self.await_(backend.name, backend.ready, START_S)
            self.say(f"{what} on 127.0.0.1:{backend.port}")
        self.postgres.make_database()

    def make_topics(self):
        self.run("topics", ["fhirbus-topics"], services.topics(self.settings))
        if self.settings.broker_tls:
            self.run("who may read and write them", ["fhirbus-topics", "acls"], services.topics(self.settings))
        self.say("topics" + (", and who may read and write them" if self.settings.broker_tls else ""))

    def migrate(self):
        self.run("migrations", ["fhirbus-migrate", "up"], services.migration(self.postgres))
        self.say("database schema")

    def compile_images(self):
        for name, seconds in images.ensure(self.settings.compiler, self.settings.images,
                                           self.settings.packages, self.settings.cache / "packages"):
            self.say(f"definitions of {name}" + (f" compiled in {seconds:.1f} s" if seconds else " (kept)"))

    def run(self, what, command, env, text=""):
        """A tool of ours that ends by itself; `text` on its standard input."""
        done = subprocess.run([str(self.settings.bin / command[0]), *command[1:]], capture_output=True,
                              text=True, env={**self.base_environment(), **env}, input=text)
        if done.returncode:
            raise StackError(f"{what}: {command[0]} ended with {done.returncode}:\n{(done.stdout + done.stderr).strip()[-1500:]}")
        return done.stdout

    def start_lake(self):
        tls, ports = self.settings.folder / "tls", self.settings.ports
        command = [self.settings.bin / "lake_standin", "--port", ports.lake, "--control-port", ports.lake_control,
                   "--cert", tls / "server.pem", "--key", tls / "server.key",
                   "--journal", self.settings.folder / "lake.journal"]
        self.keep_running(LAKE, command, {}, (ports.lake, ports.lake_control))
        self.await_(LAKE, lambda: listening(ports.lake) and listening(ports.lake_control), START_S)
        self.say(f"data lake stand-in on https://localhost:{ports.lake}")

    # --- the services ------------------------------------------------------------------------
    def start(self, service, index=0):
        ops = self.settings.ports.ops_of(service, index)
        ports = [ops] + ([self.settings.ports.https + index] if service == "ingest" else [])
        env = services.environment(self.settings, self.postgres, service, index)
        self.keep_running(instance_name(service, index), [self.settings.bin / f"fhirbus-{service}"], env, ports)

    def stop(self, service, index=0):
        return self.processes.stop(instance_name(service, index), seconds=30)

    def kill(self, service, index=0):
        """kill -9, worker and supervisor at once; returns when the supervisor is gone."""
        name = instance_name(service, index)
        return self.processes.kill(name) and self.processes.wait(name, 10)

    def ready(self, service, index=0):
        return self.get_ops(service, index, "/readyz")[0] == 200

    def get_ops(self, service, index, path):
        """Status (0: no answer) and text of the operations port."""
        url = f"http://127.0.0.1:{self.settings.ports.ops_of(service, index)}{path}"
        try:
            with urllib.request.urlopen(url, timeout=3) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")
        except (OSError, urllib.error.URLError):
            return 0, ""

    def await_ready(self, seconds=START_S):
        for service, index in self.settings.instances():
            name = instance_name(service, index)
            self.await_(name, lambda: self.ready(service, index), seconds)
            self.say(f"fhirbus-{service}" + (f" {index + 1}" if self.settings.count[service] > 1 else ""))

    def stop_surplus(self):
        wanted = {instance_name(*i) for i in self.settings.instances()}
        for name in self.processes.names():
            if name.rpartition("-")[0] in SERVICES and name not in wanted:
                self.processes.stop(name)

    # --- the means ---------------------------------------------------------------------------
    def base_environment(self):
        kept = ("PATH", "HOME", "LANG", "TZ", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS")
        return {k: os.environ[k] for k in kept if k in os.environ}

    def keep_running(self, name, command, env, ports):
        """Leave it alone if it runs as it would be started now, else (re)start it."""
        program = os.stat(command[0])
        told = json.dumps([[str(c) for c in command], env, program.st_mtime_ns, program.st_size], sort_keys=True)
        identity = hashlib.sha256(told.encode()).hexdigest()
        if self.processes.pid(name):
            if self.processes.record(name)["identity"] == identity:
                return False
            self.processes.stop(name)
        for port in ports:
            self.need_free(name, port)
        self.processes.start(name, command, env={**self.base_environment(), **env}, identity=identity)
        return True

    def need_free(self, name, port):
        # A worker that was just killed lets go of its port a moment after its supervisor is gone.
        until = time.monotonic() + 5
        while not free(port) and time.monotonic() < until:
            time.sleep(0.05)
        if not free(port):
            raise StackError(f"{name}: port {port} of 127.0.0.1 is taken by another program; "
                             "`make help` says how to choose others")

    def await_(self, name, ready, seconds):
        until = time.monotonic() + seconds
        while not ready():
            if not self.processes.pid(name):
                raise StackError(f"{name} ended; its log, {self.processes.log(name)}, closes with:\n{self.processes.tail(name)}")
            if time.monotonic() > until:
                raise StackError(f"{name} is not ready after {seconds} s; its log, {self.processes.log(name)}, closes with:\n{self.processes.tail(name)}")
            time.sleep(0.05)
