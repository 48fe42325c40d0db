"""Compiled definitions for the validator: one image per package, made anew when its sources change."""
import hashlib
import os
import pathlib
import re
import subprocess
import time

from settings import ROOT

CORE = "hl7.fhir.r4.core-4.0.1"


class ImageError(Exception):
    pass


def sources(settings):
    """Roots to compile: the R4 core alone, and each package that an operator dropped into packages/."""
    core = pathlib.Path(settings.cache, "packages", f"{CORE}.tgz")
    dropped = sorted(settings.packages.glob("*.tgz"))
    return core, dropped


def digest(paths, program):
    stats = [(str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in paths] + [program.stat().st_size]
    return hashlib.sha256(repr(stats).encode()).hexdigest()[:16]


def can_compile(program):
    return " compile " in subprocess.run([program, "--help"], capture_output=True, text=True).stdout


def compile_one(program, target, packages):
    part = target.with_suffix(f".{os.getpid()}")
    done = subprocess.run([program, "compile", *packages, "-o", part], capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise ImageError(f"{program.name} compile: {(done.stdout + done.stderr).strip()[-800:]}")
    part.rename(target)


def ensure(settings):
    """Yields (name, seconds); 0 seconds: it was there."""
    program = settings.bin / "fhir-validate"
    if not program.exists() or not can_compile(program):
        return
    folder = settings.folder / "images"
    folder.mkdir(parents=True, exist_ok=True)
    core, dropped = sources(settings)
    if not core.exists():
        return
    wanted = {CORE: [core], **{p.stem: [p, core, *settings.packages.glob("*.json")] for p in dropped}}
    for name, packages in wanted.items():
        target = folder / f"{name}.{digest([*packages, *dropped], program)}.image"
        start = time.monotonic()
        if not target.exists():
            for old in folder.glob(f"{re.escape(name)}.*"):
                old.unlink()
            compile_one(program, target, packages)
            yield name, time.monotonic() - start
        else:
            yield name, 0
