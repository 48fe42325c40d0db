#!/usr/bin/env python3
"""per_file.py - a check that looks at one source file at a time, over all of them.

usage: tests/lint/per_file.py tidy|includes|analyzer [file.c ...]

What was said of a file is kept in $FHIRBUS_CACHE/lint, named by the contents of the file, of our headers
that it includes, of the check's settings and by the program's version: a run that was ended goes on where it
was, the next one looks only at what changed. Findings go to stdout, ends with 1 when there are some; a line
of progress goes to file descriptor 3, when that is open, every half a minute.
"""
import concurrent.futures, hashlib, os, pathlib, re, subprocess, sys, time

FLAGS = ["-std=c17", "-I.", "-Ibuild/gen", "-D_GNU_SOURCE", "-include", "common/base/banned.h",
         "-isystem", "/usr/include/postgresql", "-isystem", "/usr/include/libxml2"]
TOLD = ["-include", "tests/lint/analyzer.h"]
SOURCES = ["common/*.c", "services/*.c", "tools/*.c", "tests/programs/*.c", "tests/support/*.c"]
CACHE = pathlib.Path(os.environ.get("FHIRBUS_CACHE", ".cache"), "lint")


def warnings(pattern):
    """Findings are the lines of the compilers' form FILE:LINE:COLUMN: warning: TEXT."""
    def read(_file, text):
        lines = (l.removeprefix(f"{os.getcwd()}/").removeprefix("./") for l in text.splitlines())
        return [l for l in lines if re.search(pattern, l)]
    return read


def unknown(findings, known):
    """Without what the file of known ones has: a line of it is FILE FLAG, a finding ends in [FLAG,...]."""
    pairs = {tuple(l.split()) for l in pathlib.Path(known).read_text().splitlines() if l and not l.startswith("#")}
    def is_known(line):
        flags = re.findall(r"\[([^\[\]]+)\]$", line)
        return flags and all((line.split(":")[0], flag) in pairs for flag in flags[0].split(","))
    return [l for l in findings if not is_known(l)]


def unused_headers(file, text):
    """Our own headers are modules' manuals and may bring others along; a foreign one that nothing uses
    is a leftover."""
    found, on = [], False
    for line in text.splitlines():
        if line.endswith(".c should remove these lines:"):
            on = True
        elif not line.startswith("- "):
            on = False
        elif on and "#include <" in line:
            found.append(f"{file}: {line}")
    return found


# name: arguments (FILE stands for the file), files it reads besides, what its words mean, what is known
CHECKS = {
    "tidy": (["clang-tidy", "--quiet", "FILE", "--", *FLAGS, *TOLD], [".clang-tidy", *TOLD[1:]], warnings(r"(warning|error): "),
             "tests/lint/tidy.txt"),
    "includes": (["include-what-you-use", "-Xiwyu", "--no_fwd_decls", *FLAGS, "FILE"], [], unused_headers, "/dev/null"),
    # It knows C without exceptions and setjmp, which is what we write.
    "analyzer": (["gcc", *FLAGS, *TOLD, "-O1", "-fanalyzer", "-Wno-analyzer-too-complex", "-c", "FILE", "-o", "/dev/null"],
                 TOLD[1:], warnings(r"Wanalyzer| error: "), "tests/lint/analyzer.txt"),
}


def digest_of(path, seen={}):  # pylint: disable=dangerous-default-value # a memo
    if path not in seen:
        seen[path] = hashlib.sha256(pathlib.Path(path).read_bytes()).digest()
    return seen[path]


def key(file, arguments, settings, version):
    """-MM names the file and our own headers, none of the system's."""
    made = subprocess.run(["gcc", *FLAGS, "-MM", file], capture_output=True, text=True, check=True).stdout
    parts = hashlib.sha256(repr((arguments, version)).encode())
    for path in sorted(set(made.replace("\\\n", " ").split(":", 1)[1].split())) + settings:
        parts.update(path.encode() + digest_of(path))
    return parts.hexdigest()


def look(file, arguments, settings, version, read):
    """The findings in one file, from the cache or from the program."""
    kept = CACHE / key(file, arguments, settings, version)
    if kept.exists():
        return kept.read_text().splitlines()
    done = subprocess.run([file if a == "FILE" else a for a in arguments], capture_output=True, text=True, check=False)
    found = read(file, done.stdout + done.stderr)
    if done.returncode < 0 or (done.returncode and not found and arguments[0] != "include-what-you-use"):
        return [f"{file}: {arguments[0]} ended with {done.returncode}: {done.stderr.strip()[-400:]}"]
    part = kept.with_suffix(f".{os.getpid()}")
    part.write_text("".join(l + "\n" for l in found))
    part.rename(kept)
    return found


def progress(text):
    try:
        os.write(3, f"# {text}\n".encode())
    except OSError:
        pass


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in CHECKS:
        sys.exit(__doc__)
    arguments, settings, read, known = CHECKS[sys.argv[1]]
    files = sys.argv[2:] or subprocess.run(["git", "ls-files", *SOURCES], capture_output=True, text=True, check=True).stdout.split()
    version = subprocess.run([arguments[0], "--version"], capture_output=True, text=True, check=True).stdout
    CACHE.mkdir(parents=True, exist_ok=True)
    found, said = set(), time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        running = [pool.submit(look, f, arguments, settings, version, read) for f in files]
        for count, one in enumerate(concurrent.futures.as_completed(running), 1):
            found.update(one.result())
            if time.monotonic() - said > 30:
                said = time.monotonic()
                progress(f"{sys.argv[1]}: {count} of {len(files)} files, {len(found)} findings")
    found = unknown(sorted(found), known)
    print(*found, sep="\n", end="\n" if found else "")
    sys.exit(1 if found else 0)


main()
