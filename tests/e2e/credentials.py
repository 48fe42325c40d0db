"""What a caller can show, for the tests of access: tokens signed by openssl, so that not our own code judges our
own code, certificates of any kind, and requests that carry them."""
import base64
import hashlib
import http.client
import json
import pathlib
import re
import ssl
import subprocess
import time
import uuid

from pipeline import OUT, PATIENCE, Answer


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def run(*command, data=None, cwd=None):
    done = subprocess.run([str(c) for c in command], input=data, capture_output=True, cwd=cwd)
    if done.returncode:
        raise RuntimeError(f"{command[:3]}: {done.stderr.decode()}")
    return done.stdout


# --- keys and tokens ----------------------------------------------------------------------------
KINDS = {"RS256": ("RSA", ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
         "RS384": ("RSA", ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
         "PS256": ("RSA", ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
         "ES256": ("EC", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
         "ES384": ("EC", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]),
         "EdDSA": ("OKP", ["-algorithm", "ed25519"])}


class Key:
    """A private key of openssl's making, or one that is there."""

    def __init__(self, folder, algorithm, path=None):
        self.algorithm = algorithm
        self.kid = f"key-{uuid.uuid4().hex[:8]}"
        self.path = pathlib.Path(path or pathlib.Path(folder) / f"{self.kid}.pem")
        if not path:
            run("openssl", "genpkey", *KINDS[algorithm][1], "-out", self.path)

    def public_der(self):
        return run("openssl", "pkey", "-in", self.path, "-pubout", "-outform", "DER")

    def jwk(self, **more):
        der, kind = self.public_der(), KINDS[self.algorithm][0]
        if kind == "EC":
            width = {"ES256": 32, "ES384": 48}[self.algorithm]
            numbers = {"crv": f"P-{width * 8}", "x": b64(der[-2 * width:-width]), "y": b64(der[-width:])}
        elif kind == "OKP":
            numbers = {"crv": "Ed25519", "x": b64(der[-32:])}
        else:
            modulus = run("openssl", "rsa", "-in", self.path, "-noout", "-modulus").decode().strip().partition("=")[2]
            numbers = {"n": b64(bytes.fromhex(modulus)), "e": "AQAB"}
        return {"kty": kind, "kid": self.kid, "use": "sig", "alg": self.algorithm, **numbers, **more}

    def jwks(self):
        return {"keys": [self.jwk()]}

    def sign(self, data):
        if self.algorithm == "EdDSA":
            plain = self.path.with_suffix(".data")
            plain.write_bytes(data)
            return run("openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.path, "-in", plain)
        pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"] if self.algorithm == "PS256" else []
        made = run("openssl", "dgst", f"-sha{self.algorithm[2:]}", "-sign", self.path, *pss, data=data)
        return raw_of(made, {"ES256": 32, "ES384": 48}[self.algorithm]) if self.algorithm.startswith("ES") else made

    def token(self, claims, header=None, **changed):
        """`changed`: algorithm, signature."""
        head = {"alg": self.algorithm, "kid": self.kid, **(header or {})}
        head = {k: v for k, v in head.items() if v is not None}
        text = f"{b64(json.dumps(head).encode())}.{b64(json.dumps(claims).encode())}"
        signature = changed.get("signature")
        return f"{text}.{b64(self.sign(text.encode()) if signature is None else signature)}"


def raw_of(der, width):
    """ECDSA's r and s, out of DER."""
    at, numbers = 2 + (der[1] & 0x7f if der[1] & 0x80 else 0), []
    for _ in range(2):
        length = der[at + 1]
        numbers.append(int.from_bytes(der[at + 2:at + 2 + length], "big").to_bytes(width, "big"))
        at += 2 + length
    return b"".join(numbers)


def now():
    return int(time.time())


# --- certificates -------------------------------------------------------------------------------
class Authority:
    """A CA with a revocation list, by `openssl ca`."""

    def __init__(self, folder, name):
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir(parents=True)
        (self.folder / "index.txt").touch()
        (self.folder / "crlnumber").write_text("01\n")
        (self.folder / "ca.cnf").write_text("[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncrlnumber=crlnumber\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\n"
                                            "default_crl_days=30\nunique_subject=no\n")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-sha256",
            "-subj", f"/O=fhirbus test/CN={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            "-keyout", "ca.key", "-out", "ca.pem", cwd=self.folder)
        self.revoke()

    def leaf(self, name, usage="clientAuth", san=None, days=10, subject=None):
        """(certificate, key): days below 0 make one that has expired."""
        ext = self.folder / f"{name}.ext"
        ext.write_text(f"basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage={usage}\n"
                       f"subjectAltName={san or f'DNS:{name}.example.org'}\n")
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-sha256", "-subj",
            subject or f"/O=fhirbus test/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr", cwd=self.folder)
        if days > 0:
            run("openssl", "x509", "-req", "-sha256", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", days, "-extfile", ext, "-out", f"{name}.pem", cwd=self.folder)
        else:
            (self.folder / "serial").write_text("0A\n")
            run("openssl", "ca", "-batch", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key", "-in", f"{name}.csr",
                "-out", f"{name}.pem", "-startdate", "20200101000000Z", "-enddate", "20200201000000Z", "-extfile", ext,
                "-outdir", ".", "-policy", "p", "-notext", cwd=self.with_policy())
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def with_policy(self):
        config = self.folder / "ca.cnf"
        if "[p]" not in config.read_text():
            config.write_text(config.read_text() + "[p]\ncommonName=optional\norganizationName=optional\n")
        return self.folder

    def revoke(self, *certificates, until=None):
        """A new list, with these too; `until`: of long ago, as its nextUpdate says."""
        for certificate in certificates:
            run("openssl", "ca", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key", "-revoke", certificate, cwd=self.folder)
        run("openssl", "ca", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key", "-gencrl", "-out", "crl.part",
            *(["-crl_lastupdate", "20200101000000Z", "-crl_nextupdate", until] if until else []), cwd=self.folder)
        (self.folder / "crl.part").rename(self.folder / "crl.pem")


def self_signed(folder, name):
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "10", "-subj",
        f"/O=fhirbus test/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem", cwd=folder)
    return pathlib.Path(folder) / f"{name}.pem", pathlib.Path(folder) / f"{name}.key"


def fingerprint(certificate):
    der = ssl.PEM_cert_to_DER_cert(re.search(r"-----BEGIN.*?END CERTIFICATE-----", pathlib.Path(certificate).read_text(), re.S)[0])
    return hashlib.sha256(der).hexdigest()


# --- requests -----------------------------------------------------------------------------------
def ask(stack, method, path, body=None, headers=None, certificate=None, index=0, kept=None):
    """One request; the connection's end (a certificate refused in the handshake) is status 0. `kept`: a dict of
    connections to use again."""
    known = (certificate, index)
    connection = kept and kept.get(known)
    if not connection:
        context = ssl.create_default_context(cafile=stack.ca)
        if certificate:
            context.load_cert_chain(*map(str, certificate))
        connection = http.client.HTTPSConnection("localhost", stack.settings.ports.https + index, timeout=PATIENCE, context=context)
    try:
        connection.request(method, path, body, headers or {})
        got = connection.getresponse()
        answer = Answer(got.status, dict((k.lower(), v) for k, v in got.getheaders()), got.read())
        if kept is not None:
            kept[known] = connection
            connection = None
        return answer
    except (ssl.SSLError, ConnectionError, http.client.BadStatusLine) as error:
        return Answer(0, {}, str(error).encode())
    finally:
        if connection:
            connection.close()


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def basic(client, secret):
    return {"Authorization": "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()}


class Tool:
    """fhirbus-keys on a test's stack."""

    def __init__(self, stack):
        settings = stack.settings
        self.environment = {**stack.base_environment(), "KAFKA_BROKERS": f"127.0.0.1:{settings.ports.kafka}",
                            "CREDENTIAL_KEY_FILE": str(settings.folder / "secrets" / "credential-key"),
                            "STACK_FOLDER": str(settings.folder), "FHIRBUS_HTTPS_PORT": str(settings.ports.https)}

    def __call__(self, *arguments, code=0, environment=None):
        done = subprocess.run([OUT / "bin" / "fhirbus-keys", *map(str, arguments)], capture_output=True, text=True,
                              env={**self.environment, **(environment or {})}, stdin=subprocess.DEVNULL)
        if done.returncode != code:
            raise RuntimeError(f"fhirbus-keys {' '.join(map(str, arguments))}: {done.returncode}: {done.stderr.strip()}")
        return done.stdout if code == 0 else done.stderr

    def publish(self, kind, name, data, folder):
        path = pathlib.Path(folder) / f"{kind}-{name}.json"
        path.write_text(json.dumps(data))
        return self("publish", kind, name, path)
