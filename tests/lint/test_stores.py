#!/usr/bin/python3
"""docs/STORES.md names a test, or a reason, for every behaviour of every store; each is there."""
import os
import re
import sys

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
NAMED = re.compile(r"\b(store|cli|unit|screen)/(test_\w+):(\w+)")


def read(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as f:
        return f.read()


def behaviours():
    text = read("tests", "store", "behaviours.py")
    return re.findall(r"^    (\w+),$", text[text.index("\nBEHAVIOURS = (") :], re.M)


def is_there(folder, script, name, shared):
    """The script has it and runs it, or runs the common table that does."""
    path = os.path.join("tests", folder, script + (".c" if folder == "unit" else ".py"))
    if not os.path.exists(os.path.join(TOP, path)):
        return False
    text = read(path)
    if name in shared and re.search(r"^TESTS = BEHAVIOURS \+", text, re.M):
        return True
    mentioned = len(re.findall(rf"\b{name}\b", text))
    made = folder == "cli" and name.startswith("test_")  # those are found by their names
    return mentioned >= (1 if made else 2)


def rows(text, heading):
    part = text[text.index(f"## {heading}") :].split("\n## ")[0]
    table = [line for line in part.split("\n") if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[1:]]


def faults(text, shared):
    reasons = set(re.findall(r"^(\d+)\. ", text, re.M))
    used = set()
    for folder, script, name in NAMED.findall(text):
        if not is_there(folder, script, name, shared):
            yield f"no such test: {folder}/{script}:{name}"
    table = rows(text, "Behaviours")
    for row in table:
        if len(row) != 7:
            yield f"not one cell a store: {row[0]}"
        for cell in row[1:]:
            used.add(cell)
            if not NAMED.fullmatch(cell) and cell not in reasons:
                yield f"{row[0]}: neither a test nor a reason: {cell!r}"
    for name in shared:
        if name not in [row[0] for row in table]:
            yield f"no row for {name}"
    for reason in reasons - used:
        yield f"nobody needs reason {reason}"
    for row in rows(text, "Pitfalls"):
        if len(row) != 2 or not NAMED.search(row[1]):
            yield f"a pitfall without a test: {row[0]}"


def main():
    text, shared = read("docs", "STORES.md"), behaviours()
    planted = {
        "a test that is gone": text.replace("store/test_gcs:holds", "store/test_gcs:holdz"),
        "an empty cell": text.replace("store/test_gcs:holds", ""),
        "a behaviour without a row": text.replace("| odd_keys |", "| odd |"),
        "a reason that is gone": text.replace("\n9. Azurite", "\n99. Azurite"),
        "a pitfall without a test": text.replace("store/test_s3_faults:quotes", "-"),
    }
    failed = 0
    for what, other in planted.items():
        if not list(faults(other, shared)):
            print(f"planted, and not found: {what}")
            failed += 1
    found = list(faults(text, shared))
    for fault in found:
        print(f"docs/STORES.md: {fault}")
    failed += bool(found)
    print(f"{len(planted) + 1 - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
