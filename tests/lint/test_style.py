#!/usr/bin/python3
"""What a C compiler does not say about our files, and that every source is in Makefile.am.

The rules themselves are tested first, by planting one fault each.
"""
import os
import re
import subprocess
import sys

# Function -> where it may be used all the same (a pattern of paths), and what to use instead.
BANNED = {
    "sprintf vsprintf strcpy strcat strncpy strncat stpcpy gets": (
        None, "a struct buf or snprintf"),
    "sscanf vsscanf fscanf scanf": (None, "the checked readers of num.h"),
    "atoi atol atoll atof": (None, "the checked readers of num.h"),
    "strtol strtoul strtoll strtoull strtoimax strtoumax": (r"src/base/.*|tests/.*", "num.h"),
    "strtok": (None, "a scanner over (pointer, length)"),
    "gmtime localtime ctime asctime mktemp tmpnam tempnam rand srand": (
        None, "the re-entrant form"),
    "system popen": (None, "a child process that is given an argument list"),
    "alloca setjmp longjmp": (None, "an arena; an error value"),
    "exit abort quick_exit": (r"src/main\.c|tests/.*", "an error value"),
}
CALL = re.compile(r"(?<![\w.>])(" + "|".join(" ".join(BANNED).split()) + r")\s*\(")
WHERE = {name: rule for names, rule in BANNED.items() for name in names.split()}

NOTE = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
NOTE_WITH_REASON = re.compile(r"\b(TODO|FIXME|XXX|HACK): \w\S* \w")
MACHINE_PATH = re.compile(r"(?<![\w.])/(work|root)/\w")

C_FILE = re.compile(r".*\.[ch]$")
COLUMNS = 100
CODE_FILE = re.compile(r".*\.(c|h|def|py|sh|ac|am)$|bootstrap$|\.ci/run$|tests/run$")
BINARY = re.compile(r"docs/demo/|tests/.*/(data|golden|seeds)/|.*\.(pkl|pickle|bin|png)$")


def blank_out(text):
    """C text without comments and without what is in quotes; lines stay where they are."""
    def blank(match):
        token = match.group(0)
        if token[0] in "\"'":
            return token[0] * 2
        return re.sub(r"[^\n]", " ", token)
    return re.sub(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'",
                  blank, text, flags=re.S)


def check_text(path, text):
    """The faults of one file, as (line, text)."""
    lines = text.split("\n")
    if C_FILE.match(path) or path.endswith(".py"):
        long = [number for number, line in enumerate(lines, 1) if len(line) > COLUMNS]
        if long:
            yield long[0], f"{len(long)} lines of more than {COLUMNS} columns, this is the first"
    if text and not text.endswith("\n"):
        yield len(lines), "no newline at the end"
    if text.endswith("\n\n"):
        yield len(lines) - 1, "blank lines at the end"
    for number, line in enumerate(lines, 1):
        if line.rstrip() != line:
            yield number, "blanks at the end of the line"
        if MACHINE_PATH.search(line):
            yield number, "a path of one machine"
        if CODE_FILE.match(path) and NOTE.search(line) and not NOTE_WITH_REASON.search(line):
            if not path.startswith("tests/lint/"):
                yield number, "a note that does not say what and why"
        if "\t" in line and CODE_FILE.match(path) and not path.endswith("Makefile.am"):
            yield number, "a tab"
    if C_FILE.match(path):
        for number, line in enumerate(blank_out(text).split("\n"), 1):
            for match in CALL.finditer(line):
                allowed, instead = WHERE[match.group(1)]
                if not (allowed and re.fullmatch(allowed, path)):
                    yield number, f"{match.group(1)}() is not used here; instead: {instead}"
        if re.search(r"\bPKGDATADIR\b", blank_out(text)) and not path.startswith("src/app/"):
            yield 1, "only src/app knows where the package's data are"


def listed(paths, makefile):
    """Sources that Makefile.am forgot, and lines of it that name no file."""
    named = set(re.findall(r"(?:src|include|tests)/[\w./-]+\.(?:c|h|def)\b", makefile))
    named |= {f"{name}.c" for name in re.findall(r"^\t(tests/\w+/\w+)\b(?![./])", makefile, re.M)}
    ours = {p for p in paths
            if re.match(r"(src|include|tests)/.*\.(c|h|def)$", p)}
    for path in sorted(ours - named):
        yield path, "in no list of Makefile.am"
    for path in sorted(named - ours):
        yield path, "listed in Makefile.am but not there"


def our_files(root):
    """What git tracks or would; everything when this is no checkout."""
    done = subprocess.run(["git", "-C", root, "ls-files", "-z", "-co", "--exclude-standard"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    if done.returncode == 0:
        paths = done.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1]
        return sorted(p for p in set(paths) if os.path.isfile(os.path.join(root, p)))
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if f not in ("build", "build-aux", "autom4te.cache")]
        found += [os.path.relpath(os.path.join(folder, n), root) for n in names]
    return sorted(found)


# ------------------------------------------------------------------------------- self-test

GOOD = """/* A comment may say sprintf(), and "abort()". */
static const char *text = "system(\\"x\\") // not a comment";
int my_exit(struct x *x);
/* TODO: widen this once there are pages */
int f(struct x *x) { return x->exit(1) + x.exit(2) + my_exit(x) + _exit(1) + gmtime_r(a, b); }
"""
PLANTED = {
    "a banned function": ("src/net/x.c", "int x = sprintf (a, b);\n"),
    "exit": ("src/net/x.c", "    exit(1);\n"),
    "after a comment": ("src/net/x.c", "/* a */ abort(); /* b */\n"),
    "strtol away from the base": ("src/net/x.c", "a = strtol(b, c, 10);\n"),
    "a tab": ("src/net/x.c", "\tx\n"),
    "a long line": ("src/net/x.c", "x" * 101 + "\n"),
    "blanks at the end": ("README.md", "x \n"),
    "no newline at the end": ("src/net/x.c", "x"),
    "a bare note": ("src/net/x.c", "/* TODO */\n"),
    "a note without a reason": ("src/net/x.c", "/* FIXME: later */\n"),
    "a path of a machine": ("README.md", "see /wo" + "rk/main\n"),
    "the data folder": ("src/ui/x.c", "open(PKGDATADIR);\n"),
}


def self_test():
    found = list(check_text("src/net/x.c", GOOD))
    yield "a file in order", str(found) if found else None
    for name, (path, text) in PLANTED.items():
        found = list(check_text(path, text))
        yield name, None if len(found) == 1 else f"planted, found: {found}"
    for path in ("src/main.c", "src/base/num.c"):
        text = "    exit(1);\n" if path == "src/main.c" else "a = strtoul(b, c, 10);\n"
        found = list(check_text(path, text))
        yield f"what {path} may", str(found) if found else None
    found = list(listed(["src/a.c", "src/b.c", "tests/unit/test_a.c", "tests/oracle/b.c"],
                        "x = \\\n\tsrc/a.c \\\n\tsrc/c.c\n"
                        "y = \\\n\ttests/unit/test_a \\\n\ttests/oracle/b\n"))
    yield "the lists", None if [p for p, _ in found] == ["src/b.c", "src/c.c"] else str(found)


def main():
    root = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
    passed = failed = 0
    for name, fault in self_test():
        if fault:
            print(f"self-test, {name}: {fault}")
        passed, failed = passed + (not fault), failed + bool(fault)
    paths = our_files(root)
    for path in paths:
        if BINARY.match(path):
            continue
        try:
            with open(os.path.join(root, path), encoding="utf-8", newline="") as f:
                faults = list(check_text(path, f.read()))
        except UnicodeDecodeError:
            faults = [(1, "not UTF-8")]
        for number, fault in faults:
            print(f"{path}:{number}: {fault}")
        passed, failed = passed + (not faults), failed + bool(faults)
    with open(os.path.join(root, "Makefile.am"), encoding="utf-8") as f:
        forgotten = list(listed(paths, f.read()))
    for path, fault in forgotten:
        print(f"{path}: {fault}")
    passed, failed = passed + (not forgotten), failed + len(forgotten)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
