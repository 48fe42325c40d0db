"""An http_probe (tests/programs), and how to speak to it over raw sockets."""
import os
import pathlib
import re
import socket
import subprocess
import sys

OUT = pathlib.Path(os.environ.get("OUT", "build/release"))
count = failed = 0
# Sanitized programs are long at everything. What must come is waited for up to PATIENCE.
SLOW = 1 if OUT.name == "release" else 5
PATIENCE = 60


def ok(condition, name, why=""):
    global count, failed
    count += 1
    failed += not condition
    print(f"{'' if condition else 'not '}ok {count} - {name}", flush=True)
    if not condition:
        print(f"# {why!r}"[:500], flush=True)


class Probe:
    """An http_probe with settings of its own."""

    def __init__(self, *arguments, **settings):
        self.process = subprocess.Popen([OUT / "bin" / "http_probe", *arguments, *(f"{k}={v}" for k, v in settings.items())],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.port = int(self.process.stdout.readline().split()[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        code = self.process.wait(PATIENCE)
        if code:
            ok(False, "the server ends cleanly", code)

    def stats(self, ask="s"):
        self.process.stdin.write(ask)
        self.process.stdin.flush()
        words = self.process.stdout.readline().split()
        return dict(zip(words[::2], map(int, words[1::2])))

    def connect(self, timeout=10 * SLOW):
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def send(self, data, timeout=10 * SLOW, shut=False):
        """Everything that comes back until the server closes or stays silent."""
        with self.connect(timeout) as s:
            try:
                s.sendall(data)
                if shut:
                    s.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            return receive(s)


def receive(s, until=None):
    got = b""
    try:
        while part := s.recv(65536):
            got += part
            if until and until(got):
                return got
    except OSError:
        pass
    return got


def whole(answers):
    """Until that many whole answers are there."""
    def check(got):
        left = got
        for _ in range(answers):
            head, gap, rest = left.partition(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head, re.I)
            if not gap or not length or len(rest) < int(length[1]):
                return False
            left = rest[int(length[1]):]
        return True
    return check


def ask(s, data, answers=1):
    s.sendall(data)
    return receive(s, whole(answers))


def status(answer):
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0


def post(path="/echo", body=b"", *fields, length=None):
    head = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body) if length is None else length}", *fields]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def finish():
    print(f"1..{count}")
    sys.exit(1 if failed else 0)
