"""A private PostgreSQL cluster on loopback. It refuses root, so under root it runs as `postgres`."""
import hashlib
import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import time

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "120",
    "shared_buffers": "128MB",
    "jit": "off",
    "max_wal_size": "1GB",
    "checkpoint_completion_target": "0.9",
    "log_min_messages": "warning",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
ORPHANS_S = 60  # for the backends of a postmaster that was killed to notice
DATABASE = "fhirbus"
OWNER = "fhirbus_owner"
# Roles that the migrations make; each service logs in as its own.
ROLES = {"ingest": "fhirbus_ingest", "persister": "fhirbus_persister", "lake-submitter": "fhirbus_submitter",
         "operator": "fhirbus_operator"}
# Nobody without TLS, nobody without a password.
HBA = "hostssl all all 127.0.0.1/32 scram-sha-256\n"


class PostgresError(Exception):
    pass


def programs():
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"),
                   key=lambda p: int(p.parts[-3]) if p.parts[-3].isdigit() else 0)
    if not found:
        raise PostgresError("no PostgreSQL under /usr/lib/postgresql: run `make deps`")
    return found[-1].parent


class Postgres:
    name = "postgres"

    def __init__(self, folder, port, processes, tls=False):
        self.port, self.processes, self.tls = port, processes, tls
        self.folder = pathlib.Path(folder).absolute()
        self.secrets = self.folder / "secrets"
        self.secret = self.password_file(OWNER)
        self.bin = programs()
        self.as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"] if os.geteuid() == 0 else []

    def password_file(self, role):
        return self.secrets / f"{role}.password"

    def make_passwords(self):
        self.secrets.mkdir(parents=True, exist_ok=True, mode=0o700)
        for role in (OWNER, *ROLES.values()):
            path = self.password_file(role)
            if not path.exists():
                path.touch(mode=0o600)
                path.write_text(secrets.token_urlsafe(32) + "\n")

    def password(self):
        return self.secret.read_text().strip()

    def environment(self):
        """What libpq programs need to connect."""
        return {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": OWNER, "PGDATABASE": DATABASE,
                "PGPASSWORD": self.password(), **self.verification()}

    def verification(self):
        """By what libpq knows the server."""
        return {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(self.folder / "tls" / "internal" / "ca.pem")} if self.tls else {}

    def data(self):
        """The data folder: in ours, or, where `postgres` may not go (a checkout under /root), in /var/tmp."""
        ours = self.folder / "postgres"
        if not self.as_user or os.path.islink(ours):
            return ours
        self.folder.mkdir(parents=True, exist_ok=True)
        if subprocess.run([*self.as_user, "test", "-x", self.folder], capture_output=True).returncode == 0:
            return ours
        digest = hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]
        elsewhere = pathlib.Path("/var/tmp") / f"fhirbus-postgres-{digest}"
        ours.symlink_to(elsewhere)
        return ours

    def make(self):
        data = self.data()
        if (data / "PG_VERSION").exists():
            return
        final = pathlib.Path(os.path.realpath(data))
        real = final.with_name(f"{final.name}.part")
        shutil.rmtree(real, ignore_errors=True)
        real.mkdir(parents=True, mode=0o700)
        self.make_passwords()
        if self.as_user:
            shutil.chown(real, "postgres", "postgres")
        # initdb opens the password's file as the user it runs as.
        handed = real.parent / f"{real.name}.initdb"
        handed.touch(mode=0o600)
        handed.write_text(self.password())
        if self.as_user:
            shutil.chown(handed, "postgres", "postgres")
        done = subprocess.run(
            [*self.as_user, self.bin / "initdb", "-D", real, "-U", OWNER, f"--pwfile={handed}",
             "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums", "--no-sync"],
            capture_output=True, text=True, cwd="/")
        handed.unlink()
        if done.returncode:
            raise PostgresError(f"initdb: {done.stderr.strip()}")
        real.rename(final)

    def attached(self):
        """Is a backend of a postmaster that was killed still there? A new one would refuse to start beside it."""
        try:
            segment = (self.data() / "postmaster.pid").read_text().splitlines()[6].split()[1]
            lines = pathlib.Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
        except (OSError, IndexError):
            return False
        return any(fields[1] == segment and int(fields[6]) > 0 for fields in map(str.split, lines))

    def tls_settings(self):
        """The server's certificate, where its user may read it, and who may come in."""
        if not self.tls:
            return {}
        real, tls = pathlib.Path(os.path.realpath(self.data())), self.folder / "tls" / "internal"
        given = {"server.crt": (tls / "postgres.pem").read_text(), "server.key": (tls / "postgres.key").read_text(), "fhirbus_hba.conf": HBA}
        for name, text in given.items():
            path = real / name
            path.touch(mode=0o600)
            path.write_text(text)
            if self.as_user:
                shutil.chown(path, "postgres", "postgres")
        return {"ssl": "on", "ssl_min_protocol_version": "TLSv1.2", "hba_file": str(real / "fhirbus_hba.conf")}

    def start(self):
        identity = f"tls={self.tls}"
        if self.processes.pid(self.name):
            if self.processes.record(self.name)["identity"] in (identity, "" if not self.tls else identity):
                return False
            self.stop()
        self.make()
        self.make_passwords()
        until = time.monotonic() + ORPHANS_S
        while self.attached() and time.monotonic() < until:
            time.sleep(0.05)
        settings = [f"-c{k}={v}" for k, v in dict(SETTINGS, port=self.port, **self.tls_settings()).items()]
        real = os.path.realpath(self.data())
        self.processes.start(self.name, [*self.as_user, self.bin / "postgres", "-D", real, *settings], cwd="/", identity=identity)
        return True

    def stop(self):
        return self.processes.stop(self.name, sign=signal.SIGINT)

    def ready(self):
        return subprocess.run([self.bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]).returncode == 0

    def make_database(self):
        if self.query("SELECT 1 FROM pg_database WHERE datname = 'fhirbus'", database="postgres") == "1":
            return
        self.query("CREATE DATABASE fhirbus", database="postgres")

    def query(self, sql, database=DATABASE):
        """One statement's answer as psql's unaligned text."""
        env = {**os.environ, **self.environment(), "PGDATABASE": database}
        done = subprocess.run([self.bin / "psql", "-XAtqc", sql], env=env, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL)
        if done.returncode:
            raise PostgresError(done.stderr.strip())
        return done.stdout.rstrip("\n")

    def drop(self):
        real = os.path.realpath(self.data())
        shutil.rmtree(real, ignore_errors=True)
