#!/usr/bin/python3
"""The man page says what the program's tables say.

Its lists of commands, options and keys are made from src/cli/*.def and src/ui/keymap.def; with
--write they are written into the page. Everything else in the page is written by hand.
"""
import os
import re
import shutil
import subprocess
import sys

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
PAGE = os.path.join(TOP, "docs", "pklbrowse.1")
TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|[(),]|[^\s"(),]+')


def rows(path):
    """The rows of a table: (macro, [argument ...]); adjacent strings joined, the rest as text."""
    with open(os.path.join(TOP, path), encoding="utf-8") as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    name, args, depth, strings = None, [], 0, True
    for token in TOKEN.findall(text):
        if depth == 0 and token not in "(),":
            name = token
        elif token == "N_":
            continue                            # a mark for translators
        elif token == "(":
            depth += 1
            if depth == 1:
                args = [""]
        elif token == ")":
            depth -= 1
            if depth == 0:
                yield name, args
        elif token == "," and depth == 1:
            args.append("")
        elif token.startswith('"'):
            args[-1] += unquote(token)
        else:
            args[-1] += token
    if depth != 0:
        raise ValueError(f"{path}: a row that does not end")


def unquote(token):
    return re.sub(r"\\(.)", r"\1", token[1:-1])


def roff(text):
    """Text as it is to be read."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    text = text.replace('"', "\\(dq").replace("^", "\\(ha").replace("~", "\\(ti")
    return "\\&" + text if text.startswith(".") else text


def plain(text):
    """A sentence: hyphens of words stay hyphens."""
    text = roff(re.sub(r"(?<=\w)-(?=\w)", "\x01", text)).replace("\x01", "-")
    return text[:1].upper() + text[1:] + "."


def commands():
    return [args for _, args in rows("src/cli/commands.def")]


def make_synopsis():
    for _, name, _, _, operands, _ in commands():
        yield ".br"
        yield f".B pklbrowse {name}"
        yield f".RI [ OPTION ]... \"\" {operand_fonts(operands)}"


def operand_fonts(operands):
    """Arguments of .RI: roman and italic in turn."""
    pieces = re.findall(r"[A-Z]+|[^A-Z]+", " " + operands)
    return " ".join(f'"{roff(piece)}"' for piece in pieces)


def make_commands():
    for _, name, _, _, operands, text in commands():
        yield ".TP"
        yield f".BI {name} \" {roff(operands)}\""
        yield plain(text)


def make_options(common):
    for _, args in rows("src/cli/options.def"):
        _, name, letter, _, argument, where, text = args
        if (where == "ANYWHERE") != common:
            continue
        yield ".TP"
        names = f"\\fB{roff(name)}\\fR"
        if letter != "0":
            names = f"\\fB\\-{letter.strip(chr(39))}\\fR, " + names
        if argument != "NULL":
            names += f" \\fI{argument}\\fR"
        yield names
        where = where.replace("IN_edit", "set|add|del|rename")
        where = [w.replace("IN_", "") for w in where.split("|")]
        yield plain(text if common else f"{text} ({', '.join(where)})")


def make_keys():
    for kind, args in rows("src/ui/keymap.def"):
        if kind == "SECTION":
            yield f".SS {roff(args[0])}"
        elif kind == "CMD":
            yield ".TP"
            yield ".BR " + ' ", " '.join(roff(key) for key in args[1].split())
            yield plain(args[-1])


LISTS = {
    "synopsis": make_synopsis,
    "commands": make_commands,
    "options": lambda: make_options(False),
    "common options": lambda: make_options(True),
    "keys": make_keys,
}


def fill(page, name):
    pattern = re.compile(rf'(?<=^\.\\" begin {name}\n)(.*?)(?=^\.\\" end {name}$)', re.S | re.M)
    if not pattern.search(page):
        raise ValueError(f"the page has no list of {name}")
    return pattern.sub(lambda m: "".join(line + "\n" for line in LISTS[name]()), page)


def first_difference(old, new):
    for a, b in zip(old.split("\n"), new.split("\n")):
        if a != b:
            return f"{a!r} in the page, {b!r} in the table"
    return "one is longer"


def check_groff():
    """What groff has to say about the page; None without groff."""
    if not shutil.which("groff"):
        return None
    done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-z", "-rLL=78n", PAGE],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.stdout.decode()


def main():
    with open(PAGE, encoding="utf-8") as f:
        page = f.read()
    if sys.argv[1:] == ["--write"]:
        for name in LISTS:
            page = fill(page, name)
        with open(PAGE, "w", encoding="utf-8") as f:
            f.write(page)
        return 0
    passed = failed = skipped = 0
    for name in LISTS:
        filled = fill(page, name)
        if filled == page:
            passed += 1
        else:
            failed += 1
            print(f"docs/pklbrowse.1: {name}: {first_difference(page, filled)}")
            print("    tests/lint/test_man.py --write puts the tables into the page")
    complaints = check_groff()
    if complaints is None:
        print("groff is not installed: the page is not formatted")
        skipped += 1
    elif complaints:
        print(complaints)
        failed += 1
    else:
        passed += 1
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
