"""Where a stack lives, which ports it takes, how many of each service it runs."""
import dataclasses
import json
import os
import pathlib
import socket

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVICES = ("ingest", "validator", "persister", "lake-submitter")
# Who else is known to the brokers: the tools, and whoever makes topics and says who may what.
OPERATOR, ADMIN = "operator", "admin"


@dataclasses.dataclass(frozen=True)
class Ports:
    """First port of each kind; instance i of ingest is at https + i, of any service's operations
    port at ops + its place in SERVICES + 4 i. Kafka's controller is at kafka + 1."""
    https: int = 8443
    kafka: int = 19092
    postgres: int = 15432
    lake: int = 9443
    lake_control: int = 9444
    ops: int = 9101

    @classmethod
    def from_environment(cls):
        return cls(**{f.name: int(os.environ.get(f"FHIRBUS_{f.name.upper()}_PORT", f.default))
                      for f in dataclasses.fields(cls)})

    @classmethod
    def from_base(cls, base):
        """Forty ports in a row, for a test's own stack."""
        return cls(https=base, kafka=base + 10, postgres=base + 12, lake=base + 13,
                   lake_control=base + 14, ops=base + 16)

    @classmethod
    def remembered(cls, path):
        """Those of the stack that wrote stack.json."""
        kept = json.loads(pathlib.Path(path).read_text())
        return cls(**{f.name: kept[f.name] for f in dataclasses.fields(cls)})

    def ops_of(self, service, index):
        return self.ops + SERVICES.index(service) + len(SERVICES) * index


@dataclasses.dataclass
class Settings:
    folder: pathlib.Path = ROOT / ".run"
    ports: Ports = dataclasses.field(default_factory=Ports.from_environment)
    bin: pathlib.Path = ROOT / "build" / "release" / "bin"
    cache: pathlib.Path = pathlib.Path(os.environ.get("FHIRBUS_CACHE", ROOT / ".cache"))
    packages: pathlib.Path = pathlib.Path(os.environ.get("FHIRBUS_PACKAGES", ROOT / "packages"))
    images: pathlib.Path = None  # compiled definitions; default: in the folder
    compiler: pathlib.Path = None  # what compiles them; default: bin's
    count: dict = dataclasses.field(default_factory=lambda: dict.fromkeys(SERVICES, 1))
    environment: dict = dataclasses.field(default_factory=dict)  # added to every service's
    # TLS to the broker (mutual, with rules who may what) and to PostgreSQL. `make up`: yes, unless FHIRBUS_BROKER_TLS=0;
    # tests and benchmarks of their own: no, but for those that are about it.
    broker_tls: bool = False
    broker_users: dict = dataclasses.field(default_factory=dict)  # name -> password (SASL), beside certificates
    payload_encryption: bool = False  # `make up`: FHIRBUS_PAYLOAD_ENCRYPTION=1

    def __post_init__(self):
        self.images = self.images or self.folder / "images"
        self.compiler = self.compiler or self.bin / "fhir-validate"

    def url(self, index=0):
        return f"https://localhost:{self.ports.https + index}"

    def instances(self):
        return [(service, index) for service in SERVICES for index in range(self.count.get(service, 1))]


def instance_name(service, index):
    return f"{service}-{index + 1}"


def listening(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False
