"""What each of the four services is told: one table of environment variables per service.

`fhirbus-<service> --help-config` explains every name; secrets are handed over as files.
"""
import secrets
import subprocess

from postgres import DATABASE, OWNER, ROLES
from settings import ADMIN, OPERATOR, SERVICES


def brokers(settings):
    return f"127.0.0.1:{settings.ports.kafka}"


def bus(settings, principal):
    """How a service or tool reaches the broker: as itself."""
    known = {"KAFKA_BROKERS": brokers(settings)}
    tls = settings.folder / "tls" / "internal"
    if settings.broker_tls:
        known |= {"KAFKA_SECURITY_PROTOCOL": "ssl", "KAFKA_SSL_CA_FILE": str(tls / "ca.pem"),
                  "KAFKA_SSL_CERTIFICATE_FILE": str(tls / f"{principal}.pem"), "KAFKA_SSL_KEY_FILE": str(tls / f"{principal}.key")}
    return known


def secret(settings, name):
    """A file of random text, made once and the same for all instances."""
    path = settings.folder / "secrets" / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))  # 64 characters, as a ticket key has to have
    return path


def common(settings, service, index):
    return {
        **bus(settings, service),
        "OPS_PORT": str(settings.ports.ops_of(service, index)),
        "OPS_BIND": "127.0.0.1",
        "LOG_LEVEL": "info",
    }


def database(postgres, service=None):
    """How a service, or without one the schema's owner, reaches the database."""
    role = ROLES[service] if service else OWNER
    return {
        "DB_HOST": "127.0.0.1",
        "DB_PORT": str(postgres.port),
        "DB_NAME": DATABASE,
        "DB_USER": role,
        "DB_PASSWORD_FILE": str(postgres.password_file(role)),
        **({"DB_TLS": "verify-full", "DB_TLS_CA_FILE": str(postgres.folder / "tls" / "internal" / "ca.pem")} if postgres.tls
           else {"DB_TLS": "disable"}),
    }


def payload_keys(settings):
    """Encryption at rest, where it is wanted; where it was, what is stored stays readable."""
    folder = settings.folder / "secrets" / "payload-keys"
    if settings.payload_encryption and not (folder / "active").exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        subprocess.run([settings.bin / "fhirbus-payload-keys", "new", folder, "k1"], check=True, capture_output=True)
    if not (folder / "active").exists():
        return {}
    return {"PAYLOAD_KEYS": str(folder), "PAYLOAD_ENCRYPT": "1" if settings.payload_encryption else "0"}


def operator(settings, postgres):
    """What the tools need, as somebody who may less than the services' owner."""
    keys = {name: value for name, value in payload_keys(settings).items() if name == "PAYLOAD_KEYS"}
    return {**bus(settings, OPERATOR), **database(postgres, OPERATOR), **keys,
            "CREDENTIAL_KEY_FILE": str(secret(settings, "credential-key"))}


def write_operator(settings, postgres):
    """For `set -a; . .run/operator.env; set +a`, and for fhirbus-keys dev."""
    path = settings.folder / "operator.env"
    path.write_text("".join(f"{name}={value}\n" for name, value in operator(settings, postgres).items()))


def topics(settings):
    return bus(settings, ADMIN)


def migration(postgres):
    """The owner's access, and the passwords that the services' roles are given."""
    passwords = {f"{role.removeprefix('fhirbus_').upper()}_DB_PASSWORD_FILE": str(postgres.password_file(role))
                 for role in ROLES.values()}
    return {**database(postgres), **passwords}


def signing_keys(settings):
    """The own issuer's keys: one, made once."""
    folder = settings.folder / "secrets" / "signing"
    if not folder.exists():
        part = folder.with_name("signing.part")
        part.mkdir(parents=True, exist_ok=True, mode=0o700)
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", part / "1.pem"], check=True, capture_output=True)
        part.rename(folder)
    return folder


def ingest(settings, postgres, index):
    tls = settings.folder / "tls"
    return {
        **database(postgres, "ingest"),
        "HTTPS_BIND": "127.0.0.1",
        "HTTPS_PORT": str(settings.ports.https + index),
        "TLS_CERT_FILE": str(tls / "server.pem"),
        "TLS_KEY_FILE": str(tls / "server.key"),
        "TLS_TICKET_KEY_FILE": str(secret(settings, "tls-ticket-key")),
        "INSTANCE_ID": f"ingest-{index + 1}",
        "ORDERING_KEY_SECRET_FILE": str(secret(settings, "ordering-key")),
        "HOSTS": "localhost,127.0.0.1",
        "ALLOW_ANONYMOUS": "1",
        "CLIENT_CA_FILE": str(tls / "ca.pem"),
        "CREDENTIAL_KEY_FILE": str(secret(settings, "credential-key")),
        "SIGNING_KEYS": str(signing_keys(settings)),
        "TOKEN_ISSUER": f"https://localhost:{settings.ports.https}",
        "SESSION_KEY_FILE": str(secret(settings, "session-key")),
        **payload_keys(settings),
    }


def validator(settings, postgres, index):
    return {
        "FHIR_IMAGES": str(settings.images),
    }


def persister(settings, postgres, index):
    return {**database(postgres, "persister"), **payload_keys(settings)}


def lake_submitter(settings, postgres, index):
    return {
        **database(postgres, "lake-submitter"),
        "LAKE_URL": f"https://localhost:{settings.ports.lake}/HRSNBundle",
        "LAKE_CA_FILE": str(settings.folder / "tls" / "ca.pem"),
    }


TABLE = dict(zip(SERVICES, (ingest, validator, persister, lake_submitter)))


def environment(settings, postgres, service, index):
    own = TABLE[service](settings, postgres, index)
    return {**common(settings, service, index), **own, **settings.environment}

