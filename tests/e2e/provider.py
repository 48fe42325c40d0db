"""A stand-in for an OpenID Connect provider: it keeps to the protocol, unless `twist` makes its next ID token another; and a
browser's way through a sign-in, as far as it matters."""
import base64
import hashlib
import http.client
import http.server
import json
import ssl
import threading
import urllib.parse
import uuid

from credentials import Key, now
from pipeline import PATIENCE

CLIENT, SECRET = "fhirbus-pages", "a secret+with/odd:letters %"


class Provider:
    def __init__(self, folder):
        self.key, self.codes, self.asked, self.grants = Key(folder, "ES256"), {}, [], 0
        self.twist = lambda claims: self.key.token(claims)  # claims -> the ID token
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                provider.asked.append(self.path)
                if self.path == "/.well-known/openid-configuration":
                    self.tell(200, {"issuer": provider.url, "authorization_endpoint": f"{provider.url}/authorize?tenant=x",
                                    "token_endpoint": f"{provider.url}/token", "jwks_uri": f"{provider.url}/jwks"})
                else:
                    self.tell(200, provider.key.jwks())

            def do_POST(self):
                provider.asked.append(self.path)
                form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                self.tell(*provider.redeem(form, self.headers["Authorization"] or ""))

            def tell(self, status, document):
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def authorize(self, asked, subject="somebody"):
        """The person has said yes: a code for what the browser was sent with."""
        code = uuid.uuid4().hex
        self.codes[code] = {**asked, "sub": subject}
        return code

    def redeem(self, form, authorization):
        """spec: RFC 6749 §4.1.3, RFC 7636 §4.6: a code is good once, for the one whose it is, with the verifier of its challenge."""
        told = self.codes.pop(form.get("code"), None)
        shown = base64.b64decode(authorization.partition(" ")[2]).decode().split(":")  # spec: RFC 6749 §2.3.1
        known = authorization.startswith("Basic ") and [urllib.parse.unquote_plus(part) for part in shown] == [CLIENT, SECRET]
        verifier = form.get("code_verifier", "")
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        if not known:
            return 401, {"error": "invalid_client"}
        if (not told or form.get("grant_type") != "authorization_code" or form.get("redirect_uri") != told["redirect_uri"]
                or not 43 <= len(verifier) <= 128 or challenge != told["code_challenge"] or told["code_challenge_method"] != "S256"):
            return 400, {"error": "invalid_grant"}
        self.grants += 1
        claims = {"iss": self.url, "aud": CLIENT, "sub": told["sub"], "nonce": told["nonce"], "iat": now(), "exp": now() + 300}
        return 200, {"access_token": "x", "token_type": "Bearer", "id_token": self.twist(claims)}


class Browser:
    """Cookies, and where it is sent."""

    def __init__(self, stack):
        self.stack, self.cookies = stack, {}

    def get(self, path):
        """(status, where to)"""
        connection = http.client.HTTPSConnection("localhost", self.stack.settings.ports.https, timeout=PATIENCE,
                                                 context=ssl.create_default_context(cafile=self.stack.ca))
        cookies = "; ".join(f"{k}={v}" for k, v in self.cookies.items() if v)
        connection.request("GET", path, headers={"Cookie": cookies} if cookies else {})
        answer = connection.getresponse()
        answer.read()
        for name, text in answer.getheaders():
            if name.lower() == "set-cookie":
                key, _, value = text.partition(";")[0].partition("=")
                self.cookies[key] = value
        connection.close()
        return answer.status, answer.getheader("Location") or ""

    def begin(self, to="/admin/diagnostics/"):
        """What the provider is asked for."""
        status, where = self.get(f"/admin/api/session/oidc?to={urllib.parse.quote(to)}")
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(where).query)) if status == 302 else {}

    def back(self, **query):
        return self.get(f"/admin/api/session/callback?{urllib.parse.urlencode({k: v for k, v in query.items() if v is not None})}")

    def signed_in(self):
        return bool(self.cookies.get("__Host-fhirbus-session")) and self.get("/admin/api/session")[0] == 200
