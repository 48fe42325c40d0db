"""A development CA and what it signs: reused until a month before the end, then all made anew."""
import pathlib
import subprocess

DAYS = 398
RENEW_BEFORE_S = 30 * 86400
NAMES = "DNS:localhost,DNS:*.localhost,DNS:ingest,DNS:lake,IP:127.0.0.1,IP:::1"


class CertificateError(Exception):
    pass


def openssl(*arguments, folder):
    done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise CertificateError(f"openssl {arguments[0]}: {done.stderr.strip()}")


def fresh(path):
    return path.exists() and subprocess.run(
        ["openssl", "x509", "-checkend", str(RENEW_BEFORE_S), "-noout", "-in", str(path)],
        capture_output=True).returncode == 0


def make_key(folder, name):
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", f"{name}.key", folder=folder)
    (folder / f"{name}.key").chmod(0o600)


def make_ca(folder, name="fhirbus development CA"):
    make_key(folder, "ca")
    openssl("req", "-x509", "-new", "-sha256", "-key", "ca.key", "-days", str(DAYS), "-out", "ca.pem",
            "-subj", f"/O=fhirbus development/CN={name}",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign", folder=folder)


def make_leaf(folder, name, subject, usage, alternative):
    make_key(folder, name)
    openssl("req", "-new", "-key", f"{name}.key", "-out", f"{name}.csr", "-subj", subject, folder=folder)
    extensions = folder / f"{name}.ext"
    extensions.write_text(f"basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                          f"extendedKeyUsage={usage}\nsubjectAltName={alternative}\n")
    openssl("x509", "-req", "-sha256", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", str(DAYS), "-extfile", extensions.name, "-out", f"{name}.pem",
            folder=folder)
    extensions.unlink()
    (folder / f"{name}.csr").unlink()


def ensure(folder):
    """ca.pem, server.{pem,key}, client.{pem,key} in `folder`; True if they were made now."""
    folder = pathlib.Path(folder)
    if all(fresh(folder / f"{name}.pem") for name in ("ca", "server", "client")):
        return False
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    make_ca(folder)
    make_leaf(folder, "server", "/O=fhirbus development/CN=localhost", "serverAuth", NAMES)
    make_leaf(folder, "client", "/O=fhirbus development/CN=demo-qe", "clientAuth", "DNS:demo-qe.localhost")
    return True


def ensure_internal(folder, clients):
    """What the services, the broker and the database show each other, of a CA of its own: a caller's certificate is
    of no use there, nor theirs at the senders' side. NAME.{pem,key} of `clients` and of kafka and postgres."""
    folder = pathlib.Path(folder)
    servers = ("kafka", "postgres")
    if all(fresh(folder / f"{name}.pem") for name in ("ca", *servers, *clients)):
        return False
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    make_ca(folder, "fhirbus development internal CA")
    for name in servers:
        usage = "serverAuth,clientAuth" if name == "kafka" else "serverAuth"  # a broker talks to its controller, too
        make_leaf(folder, name, f"/O=fhirbus development/CN=fhirbus-{name}", usage, f"DNS:localhost,DNS:{name},IP:127.0.0.1")
    for name in clients:
        make_leaf(folder, name, f"/O=fhirbus development/CN=fhirbus-{name}", "clientAuth", f"DNS:{name}")
    return True
