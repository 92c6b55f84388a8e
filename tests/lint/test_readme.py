#!/usr/bin/python3
"""README.md has a Korean twin: the same chapters, the same commands; each names the other."""
import os
import re
import sys

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
COMMENT = re.compile(r"\s+#\s.*$")


def shape(text):
    """Levels of the headings and commands, in their order; words of languages left out."""
    found, in_code, is_shell = [], False, False
    for line in text.split("\n"):
        if line.startswith("```"):
            in_code, is_shell = not in_code, line == "```sh"
        elif in_code and is_shell:
            found.append(COMMENT.sub("", line))
        elif not in_code and line.startswith("#"):
            found.append(line.split(" ")[0])
    return found


def faults(english, korean):
    if "](README.ko.md)" not in english:
        yield "README.md does not name README.ko.md"
    if "](README.md)" not in korean:
        yield "README.ko.md does not name README.md"
    ours, theirs = shape(english), shape(korean)
    for one, other in zip(ours, theirs):
        if one != other:
            yield f"{one!r} in README.md, {other!r} in README.ko.md"
            return
    if len(ours) != len(theirs):
        yield f"one has more: {(ours + theirs)[min(len(ours), len(theirs))]!r}"


ENGLISH = "# a\n[x](README.ko.md)\n## Try\n```sh\nls x   # a folder\n```\n"
KOREAN = "# a\n[x](README.md)\n## 써 보기\n```sh\nls x   # 폴더\n```\n"
PLANTED = {
    "another command": KOREAN.replace("ls x", "ls y"),
    "a chapter is missing": KOREAN.replace("## 써 보기\n", ""),
    "a command is missing": KOREAN.replace("ls x   # 폴더\n", ""),
    "no link": KOREAN.replace("README.md", "README"),
}


def main():
    passed = failed = 0
    checks = [("twins", list(faults(ENGLISH, KOREAN)), 0)]
    checks += [(name, list(faults(ENGLISH, text)), 1) for name, text in PLANTED.items()]
    for name, found, wanted in checks:
        good = len(found) == wanted
        if not good:
            print(f"self-test, {name}: {found}")
        passed, failed = passed + good, failed + (not good)
    texts = []
    for name in ("README.md", "README.ko.md"):
        with open(os.path.join(TOP, name), encoding="utf-8") as f:
            texts.append(f.read())
    found = list(faults(*texts))
    print("\n".join(found), end="\n" if found else "")
    passed, failed = passed + (not found), failed + bool(found)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
