#!/usr/bin/env python3
"""Compiled definitions for the validator: an image of the R4 core alone, and one of each package in
packages/ that no other one there depends on. Made anew when a source or the compiler changes.

usage: images.py --packages packages --out FOLDER [--bin build/release/bin]

Beside packages (.tgz) packages/ may hold loose resources (.json: value sets that no package has) and
code lists (.tsv: system, code); they go into every image.
"""
import argparse
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORE = "hl7.fhir.r4.core-4.0.1"


class ImageError(Exception):
    pass


def manifest(package):
    try:
        with tarfile.open(package) as archive:
            return json.load(archive.extractfile("package/package.json"))
    except (KeyError, OSError, ValueError, tarfile.TarError) as error:
        raise ImageError(f"{package} is no FHIR package: {error}") from error


def roots(folder):
    """Packages that no other package of the folder depends on."""
    manifests = {path: manifest(path) for path in sorted(folder.glob("*.tgz"))}
    needed = {name for m in manifests.values() for name in m.get("dependencies") or {}}
    return [path for path, m in manifests.items() if m.get("name") not in needed]


def digest(paths, program):
    stats = [(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in (*paths, program)]
    return hashlib.sha256(repr(stats).encode()).hexdigest()[:16]


def compile_one(program, target, root, extras, folders):
    part = target.with_suffix(f".{os.getpid()}")
    command = [program, "compile", root, *(e for e in extras if e.suffix == ".json"), "-o", part, "--reference", "hapi"]
    for folder in folders:
        command += ["--packages", folder]
    for codes in (e for e in extras if e.suffix == ".tsv"):
        command += ["--codes", codes]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        part.unlink(missing_ok=True)
        raise ImageError(f"{root.name} does not compile:\n{(done.stdout + done.stderr).strip()[-1500:]}")
    part.rename(target)


def ensure(program, out, packages, registry):
    """Yields (name, seconds); 0 seconds: it was there. `registry`: where tools/setup put what it fetched."""
    out.mkdir(parents=True, exist_ok=True)
    core = registry / f"{CORE}.tgz"
    if not core.exists():
        raise ImageError(f"no {core}: run `make deps`")
    dropped = sorted(p for p in packages.glob("*") if p.suffix in (".tgz", ".json", ".tsv"))
    extras = [p for p in dropped if p.suffix != ".tgz"]
    kept = set()
    for root in [core, *roots(packages)]:
        target = out / f"{root.name.removesuffix('.tgz')}.{digest([root, *dropped], program)}.image"
        kept.add(target)
        start = time.monotonic()
        fresh = not target.exists()
        if fresh:
            compile_one(program, target, root, extras, [f for f in (packages, registry) if f.is_dir()])
        yield root.name.removesuffix(".tgz"), time.monotonic() - start if fresh else 0
    for old in set(out.glob("*.image")) - kept:
        old.unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=pathlib.Path, default=ROOT / "packages")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build" / "release" / "bin")
    arguments = parser.parse_args()
    try:
        for name, seconds in ensure(arguments.bin / "fhir-validate", arguments.out, arguments.packages, ROOT / "build" / "packages"):
            print(f"{name}: " + (f"compiled in {seconds:.1f} s" if seconds else "is there"))
    except ImageError as error:
        sys.exit(f"images: {error}")


if __name__ == "__main__":
    main()
