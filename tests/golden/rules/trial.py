"""Cases of rules and transforms as text, tried by `fhirbus-rules try`; README.md tells how to write one."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

BINARY = pathlib.Path(os.environ.get("OUT", "build/release"), "bin/fhirbus-rules").resolve()
ISSUE = re.compile(r"(\S+) (\S+)(?: \[([^\]]*)\])?(?: \((\S+)\))? ?(.*)")
PARTS = ("rules", "bundle", "engine", "options")


class Case:
    """`== name`, parts with their indented lines, `=>`, what is expected."""

    def __init__(self, path, number, block):
        self.path, self.number = path, number
        head, _, expected = block.partition("\n=>\n")
        self.name, *lines = head.splitlines()
        self.expected = [line for line in expected.rstrip("\n").splitlines() if line.strip()]
        self.parts, part = {}, None
        for line in lines:
            if line in PARTS:
                part = self.parts.setdefault(line, [])
            elif line.strip() and not line.startswith("#"):
                part.append(line)

    def text(self, part):
        return "\n".join(self.parts.get(part, ["{}" if part == "bundle" else ""]))

    def options(self):
        return " ".join(self.parts.get("options", [])).split()

    def outcome(self):
        issues = []
        for line in self.parts.get("engine", []):
            severity, location, message, code, text = ISSUE.fullmatch(line.strip()).groups()
            issue = {"severity": severity, "code": code or "processing", "diagnostics": text,
                     "location": [location], "expression": [location]}
            if message:
                issue["details"] = {"coding": [{"code": message}]}
            issues.append(issue)
        return json.dumps({"resourceType": "OperationOutcome", "issue": issues})


def cases(folder):
    for path in sorted(folder.glob("*.cases")):
        for number, block in enumerate(path.read_text().split("\n== ")[1:]):
            yield Case(path, number, block)


class Trial:
    """One case, run in a folder of its own."""

    def __init__(self, case, folder, bundle=None):
        self.folder = folder
        files = {"rules": case.text("rules"), "bundle": bundle or case.text("bundle"), "outcome": case.outcome()}
        for name, text in files.items():
            (folder / f"{name}.json").write_text(text)
        command = [BINARY, "try", "--bundle", folder / "bundle.json", "--outcome", folder / "outcome.json",
                   "--body", folder / "body.json", *case.options()]
        if "rules" in case.parts:
            command += ["--rules", folder / "rules.json"]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self.code, self.out, self.err = ran.returncode, ran.stdout, ran.stderr

    def body(self):
        path = self.folder / "body.json"
        return path.read_text() if path.exists() else None

    def lines(self, shown):
        """What stands in a case: the parts `shown`, or why the rules were refused."""
        if not self.out:
            return ["refused " + self.err.strip().replace(f"{self.folder}/rules.json:", "")]
        kept, keep = [], False
        for line in self.out.splitlines():
            if not line.startswith(" "):
                keep = any(line.startswith(word) for word in shown)
            if keep:
                kept.append(line.rstrip())
        return kept


def run(case, shown):
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(case, pathlib.Path(folder))
        return trial.lines(shown), trial.code, trial.body()


def run_again(case, body):
    with tempfile.TemporaryDirectory() as folder:
        return Trial(case, pathlib.Path(folder), body).body()


def accept(folder, shown):
    """Rewrites what is expected by what came out: review the difference."""
    for path in sorted(folder.glob("*.cases")):
        head, *blocks = path.read_text().split("\n== ")
        for number, block in enumerate(blocks):
            got, _, _ = run(Case(path, number, block), shown)
            blocks[number] = block.partition("\n=>\n")[0].rstrip("\n") + "\n=>\n" + "\n".join(got) + "\n"
        path.write_text("\n== ".join([head, *blocks]))


def main(folder, shown, idempotent=False):
    if "--accept" in sys.argv:
        return accept(folder, shown)
    count, failed = 0, 0

    def ok(good, name, why=()):
        nonlocal count, failed
        count += 1
        failed += not good
        print(f"{'ok' if good else 'not ok'} {count} - {name}")
        for line in why if not good else ():
            print(f"#   {line}")

    for case in cases(folder):
        name = f"{case.path.stem}: {case.name}"
        got, code, body = run(case, shown)
        ok(got == case.expected, name, ["expected", *case.expected, "got", *got])
        ok((code == 0) == (not got[0].startswith(("refused", "not sent:"))), f"{name}: exit code", [code])
        if idempotent and body and '"idempotent":true' in case.text("rules").replace(" ", ""):
            ok(run_again(case, body) == body, f"{name}: twice is once", [body, run_again(case, body)])
    print(f"1..{count}")
    sys.exit(1 if failed or not count else 0)
