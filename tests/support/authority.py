"""A certificate authority for a test: good, expired and revoked certificates, by `openssl ca`.

authority = Authority(folder); cert, key = authority.issue("a", hosts=["a.example.org"]); authority.revoke(cert)
"""
import pathlib
import subprocess

CONFIG = """
[ca]
default_ca = this
[this]
dir = {folder}
database = {folder}/index.txt
new_certs_dir = {folder}/issued
serial = {folder}/serial
certificate = {folder}/ca.pem
private_key = {folder}/ca.key
default_md = sha256
default_days = 30
default_crl_days = 30
policy = any
unique_subject = no
copy_extensions = copy
crlnumber = {folder}/crlnumber
[any]
commonName = supplied
"""


class Authority:
    def __init__(self, folder, name="authority"):
        self.folder = pathlib.Path(folder) / name
        (self.folder / "issued").mkdir(parents=True)
        (self.folder / "index.txt").touch()
        for counter in ("serial", "crlnumber"):
            (self.folder / counter).write_text("1000\n")
        (self.folder / "ca.cnf").write_text(CONFIG.format(folder=self.folder))
        self.ca, self.crl = self.folder / "ca.pem", self.folder / "crl.pem"
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.folder / "ca.key",
                     "-out", self.ca, "-days", "30", "-subj", f"/CN=test {name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self.list_revoked()

    def openssl(self, *arguments):
        done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"openssl {arguments[0]}: {done.stderr}")

    def issue(self, name, hosts=(), path=None, start=None, end=None, usage=None, authority=False):
        """The certificate's path and its key's; `start` and `end` as 20260102030405Z."""
        stem = name.replace("*", "star")
        cert, key = path or (self.folder / f"{stem}.pem", self.folder / f"{stem}.key")
        usage = usage or ("serverAuth" if hosts else "clientAuth")
        extensions = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"] if authority else [
            "-addext", f"extendedKeyUsage={usage}"]
        if hosts:
            extensions += ["-addext", "subjectAltName=" + ",".join(f"DNS:{h}" for h in hosts)]
        request = self.folder / f"{stem}.csr"
        self.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request,
                     "-subj", f"/CN={name}", *extensions)
        dates = (["-startdate", start] if start else []) + (["-enddate", end] if end else [])
        self.openssl("ca", "-batch", "-notext", "-config", self.folder / "ca.cnf", "-in", request, "-out", cert, *dates)
        return cert, key

    def revoke(self, cert):
        self.openssl("ca", "-config", self.folder / "ca.cnf", "-revoke", cert)
        self.list_revoked()

    def list_revoked(self):
        self.openssl("ca", "-gencrl", "-config", self.folder / "ca.cnf", "-out", self.crl)
