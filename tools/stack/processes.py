"""Processes that outlive the command which started them: known by a record, never by name.

A record is a JSON file with the pid, its start time and the machine's boot id, so that a pid which
the kernel gave to somebody else is never signalled. Children inherit no descriptor but their log.
"""
import json
import os
import pathlib
import signal
import subprocess
import time

BOOT_ID = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def started_at(pid):
    """The start time of a living process in clock ticks since boot, or None."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command name, in brackets, may hold spaces and brackets itself.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


# What nobody waits for yields the processor to what somebody waits for: all of it shares one machine.
NICE = {"persister": 10, "lake-submitter": 10, "lake": 10, "postgres": 5}


def nice_of(name):
    return NICE.get(name.rstrip("-0123456789"), 0)


def yield_session(pid, nice):
    """Where sessions are groups of the scheduler (autogroup), nice counts only inside of one: the group's own then."""
    try:
        pathlib.Path(f"/proc/{pid}/autogroup").write_text(str(nice))
    except OSError:
        pass  # no such groups here


def reap(pid):
    """A child of ours that ended stays a zombie until somebody asks; others' children are not ours."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass


class Processes:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.records = self.folder / "processes"
        self.logs = self.folder / "logs"

    def record(self, name):
        try:
            return json.loads((self.records / f"{name}.json").read_text())
        except FileNotFoundError:
            return None

    def names(self):
        return sorted(p.stem for p in self.records.glob("*.json"))

    def log(self, name):
        return self.logs / f"{name}.log"

    def pid(self, name):
        """The pid of a process that runs, or None."""
        record = self.record(name)
        if not record or record["boot_id"] != BOOT_ID:
            return None
        reap(record["pid"])
        return record["pid"] if started_at(record["pid"]) == record["started_at"] else None

    def start(self, name, command, env=None, identity="", cwd=None):
        """Start a process in a session of its own. `identity` says what it was started from."""
        self.records.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(parents=True, exist_ok=True)
        with open(self.log(name), "ab") as log:
            child = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=log,
                                     stderr=subprocess.STDOUT, env=env, cwd=cwd, start_new_session=True,
                                     preexec_fn=lambda: os.nice(nice_of(name)))
        yield_session(child.pid, nice_of(name))
        record = {"pid": child.pid, "started_at": started_at(child.pid), "boot_id": BOOT_ID,
                  "identity": identity, "command": [str(c) for c in command], "since": time.time()}
        # Popen's destructor would warn about a child that is meant to outlive us.
        child.returncode = 0
        path = self.records / f"{name}.json"
        path.with_suffix(".part").write_text(json.dumps(record, indent=1))
        path.with_suffix(".part").rename(path)
        return child.pid

    def kill(self, name, sign=signal.SIGKILL, group=True):
        """Send a signal to the process, or to all of its session."""
        pid = self.pid(name)
        if pid is None:
            return False
        try:
            os.killpg(pid, sign) if group else os.kill(pid, sign)
        except ProcessLookupError:
            return False
        return True

    def wait(self, name, seconds):
        """True once the process is gone."""
        until = time.monotonic() + seconds
        while self.pid(name) is not None:
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True

    def stop(self, name, seconds=20, sign=signal.SIGTERM):
        """Ask, wait, then insist. True if there was something to stop."""
        asked = self.kill(name, sign, group=False)
        if asked and not self.wait(name, seconds):
            self.kill(name)
            self.wait(name, 5)
        (self.records / f"{name}.json").unlink(missing_ok=True)
        return asked

    def tail(self, name, lines=15):
        try:
            return "\n".join(self.log(name).read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""
