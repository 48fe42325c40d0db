"""A single-node Kafka broker (KRaft) on loopback, from the jars that tools/setup/install fetched."""
import base64
import hashlib
import os
import pathlib
import secrets
import shutil
import socket
import subprocess

VERSION = "4.4.0"
HEAP = "384m"


class KafkaError(Exception):
    pass


def secured(properties, folder):
    """Mutual TLS on both listeners; whoever has no rule of `fhirbus-topics acls` may nothing."""
    secure = {
        "listeners": properties["listeners"].replace("PLAINTEXT://", "SSL://"),
        "advertised.listeners": properties["advertised.listeners"].replace("PLAINTEXT://", "SSL://"),
        "inter.broker.listener.name": "SSL",
        "listener.security.protocol.map": "SSL:SSL,CONTROLLER:SSL",
        "ssl.client.auth": "required",
        "ssl.enabled.protocols": "TLSv1.3,TLSv1.2",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": folder / "tls" / "internal" / "kafka.keystore.pem",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": folder / "tls" / "internal" / "ca.pem",
        "ssl.principal.mapping.rules": "RULE:^CN=([^,]+),.*$/$1/,DEFAULT",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": "User:fhirbus-kafka;User:fhirbus-admin",
    }
    return {**properties, **secure}


def with_passwords(properties, port, users):
    """A listener more, five ports on: TLS, and users with passwords instead of client certificates (docs/security.md, "Inside")."""
    name = "listener.name.sasl_ssl"
    known = " ".join(f'user_{user}="{password}"' for user, password in users.items())
    return {
        **properties,
        "listeners": f"{properties['listeners']},SASL_SSL://127.0.0.1:{port + 5}",
        "advertised.listeners": f"{properties['advertised.listeners']},SASL_SSL://127.0.0.1:{port + 5}",
        "listener.security.protocol.map": f"{properties['listener.security.protocol.map']},SASL_SSL:SASL_SSL",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
        f"{name}.plain.sasl.jaas.config": f"org.apache.kafka.common.security.plain.PlainLoginModule required {known};",
        f"{name}.scram-sha-512.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required;",
        f"{name}.ssl.client.auth": "none",
    }


def properties(folder, port, message_bytes):
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{port + 1}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{port + 1}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": folder / "kafka",
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
        "message.max.bytes": message_bytes,
        "replica.fetch.max.bytes": message_bytes,
        "socket.request.max.bytes": 4 * message_bytes,
        "num.network.threads": 2,
        "num.io.threads": 4,
        "num.partitions": 1,
        "offsets.topic.num.partitions": 8,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "log.cleaner.dedupe.buffer.size": 8 << 20,
        "log.segment.bytes": 128 << 20,
    }


class Kafka:
    name = "kafka"

    def __init__(self, folder, port, processes, cache, message_bytes=64 << 20, tls=False, users=None):
        """users: name -> password; known since the storage was made."""
        self.users = users or {}
        self.folder, self.port, self.processes = pathlib.Path(folder).absolute(), port, processes
        self.jars = pathlib.Path(cache) / f"kafka-{VERSION}"
        self.message_bytes, self.tls = message_bytes, tls
        if not (self.jars / ".complete").exists():
            raise KafkaError(f"no Kafka in {self.jars}: run `make deps`")

    def archive(self):
        """The class-data archive of this java and these jars: it halves the time to start."""
        java = pathlib.Path(os.path.realpath(shutil.which("java") or ""))
        if not java.is_file():
            raise KafkaError("no java: run `make deps`")
        stamp = hashlib.sha256(f"{java} {java.stat().st_mtime_ns}".encode()).hexdigest()[:12]
        return self.jars / f"classes-{stamp}.jsa"

    def command(self, main, *arguments, options=()):
        return ["java", f"-Xmx{HEAP}", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                "-Xshare:auto", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                "-Dorg.slf4j.simpleLogger.showDateTime=true", *options,
                "-cp", f"{self.jars}/*", main, *map(str, arguments)]

    def configure(self):
        """Writes kafka.properties; True if it says something else than before."""
        path = self.folder / "kafka.properties"
        wanted = properties(self.folder, self.port, self.message_bytes)
        if self.tls:
            wanted = secured(wanted, self.folder)
        if self.users:
            wanted = with_passwords(wanted, self.port, self.users)
        text = "".join(f"{k}={v}\n" for k, v in wanted.items())
        if path.exists() and path.read_text() == text:
            return False
        path.write_text(text)
        return True

    def make_keystore(self):
        tls = self.folder / "tls" / "internal"
        path = tls / "kafka.keystore.pem"
        path.touch(mode=0o600)
        path.write_text((tls / "kafka.key").read_text() + (tls / "kafka.pem").read_text())

    def make(self):
        if (self.folder / "kafka" / "meta.properties").exists():
            return
        # One id in 64 begins with a dash: as an argument of its own it would be taken for an option.
        cluster = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        users = [word for name, password in self.users.items()
                 for word in ("--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]")]
        done = subprocess.run(self.command("kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c",
                                           self.folder / "kafka.properties", *users), capture_output=True, text=True)
        if done.returncode:
            raise KafkaError(f"formatting Kafka's storage: {(done.stdout + done.stderr).strip()[-800:]}")

    def start(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        changed = self.configure()
        if self.processes.pid(self.name):
            if not changed:
                return False
            self.stop()
        if self.tls:
            self.make_keystore()
        self.make()
        archive = self.archive()
        if archive.exists():
            options = [f"-XX:SharedArchiveFile={archive}"]
        else:
            options = [f"-XX:ArchiveClassesAtExit={self.folder / 'kafka.jsa'}"]
        self.processes.start(self.name, self.command("kafka.Kafka", self.folder / "kafka.properties", options=options))
        return True

    def stop(self):
        stopped = self.processes.stop(self.name, seconds=40)
        made = self.folder / "kafka.jsa"
        if made.exists():
            # Whole only if the JVM ended by itself; a broken archive is ignored by -Xshare:auto, but
            # would also never be replaced.
            if stopped and not self.archive().exists():
                shutil.copyfile(made, part := self.archive().with_suffix(f".{os.getpid()}"))
                os.replace(part, self.archive())
            made.unlink()
        return stopped

    def ready(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        except OSError:
            return False
