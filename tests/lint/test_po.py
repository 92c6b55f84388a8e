#!/usr/bin/python3
"""The catalogues hold every text of the sources, translated, with formats that agree.

`make update-po` brings new texts into po/*.po; then they are translated there.
"""
import os
import re
import shutil
import subprocess
import sys

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.environ.get("builddir") or os.path.join(TOP, "build")
TOLD = 10

STRING = r'"(?:\\.|[^"\\])*"'
ENTRY = re.compile(rf'^(msgid|msgid_plural|msgstr(?:\[\d+\])?) ((?:{STRING}\n?)+)', re.M)


def text_of(strings):
    return "".join(s[1:-1] for s in re.findall(STRING, strings))


def entries(text):
    """{msgid: (flags, [msgstr ...])} of a catalogue, without its head and what is obsolete."""
    found = {}
    for block in text.split("\n\n"):
        lines = block.split("\n")
        flags = " ".join(line for line in lines if line.startswith("#,"))
        body = "\n".join(line for line in lines if not line.startswith("#"))
        parts = [(name, text_of(strings)) for name, strings in ENTRY.findall(body)]
        if parts and parts[0][1]:
            found[parts[0][1]] = (flags, [s for name, s in parts if name.startswith("msgstr")])
    return found


def edge(text):
    """The blanks and line ends in front of and behind a text."""
    return re.match(r"(?: |\\n)*", text).group(), re.search(r"(?: |\\n)*$", text).group()


def faults(sources, catalogue):
    """What is wrong with a catalogue, one sentence each."""
    ours, theirs = entries(sources), entries(catalogue)
    for msgid in ours:
        if msgid not in theirs:
            yield f"not in the catalogue: {msgid}"
    for msgid, (flags, strings) in theirs.items():
        if msgid not in ours:
            yield f"not in the sources any more: {msgid}"
        elif "fuzzy" in flags:
            yield f"fuzzy: {msgid}"
        elif not strings or not all(strings):
            yield f"not translated: {msgid}"
        elif any(edge(s) != edge(msgid) for s in strings):
            yield f"begins or ends with other blanks: {msgid}"
        elif any(re.search(r"\x1b|\\e|\\t|\\r", s) for s in strings):
            yield f"a control character: {msgid}"


HEAD = 'msgid ""\nmsgstr ""\n"Language: ko\\n"\n\n'
POT = HEAD + 'msgid "save "\nmsgstr ""\n\nmsgid "a\\n"\n"b"\nmsgstr ""\n'
GOOD = HEAD + 'msgid "save "\nmsgstr "저장 "\n\nmsgid "a\\nb"\nmsgstr "가\\n나"\n'
PLANTED = {
    "not translated": (POT, GOOD.replace('"저장 "', '""')),
    "fuzzy": (POT, GOOD.replace('msgid "save', '#, fuzzy\nmsgid "save')),
    "not in the catalogue": (POT + '\nmsgid "new"\nmsgstr ""\n', GOOD),
    "not in the sources": (POT, GOOD + '\nmsgid "old"\nmsgstr "옛"\n'),
    "begins or ends": (POT, GOOD.replace("저장 ", "저장")),
    "a control": (POT, GOOD.replace("저장 ", "저\\t장 ")),
}


def self_test():
    found = list(faults(POT, GOOD))
    yield "a catalogue in order", found or None
    for name, (sources, catalogue) in PLANTED.items():
        found = list(faults(sources, catalogue))
        yield name, None if len(found) == 1 and found[0].startswith(name) else found


def texts_of_sources():
    """The template as make makes it, or None where there is no xgettext."""
    if not shutil.which("xgettext") or not os.path.exists(os.path.join(BUILD, "Makefile")):
        return None
    subprocess.run(["make", "-s", "-C", BUILD, "po/pklbrowse.pot"], check=True,
                   stdout=subprocess.DEVNULL)
    with open(os.path.join(BUILD, "po", "pklbrowse.pot"), encoding="utf-8") as f:
        return f.read()


def check(path, sources):
    with open(path, encoding="utf-8") as f:
        found = list(faults(sources, f.read()))
    done = subprocess.run(["msgfmt", "-c", "-o", os.devnull, path], stderr=subprocess.PIPE,
                          check=False)
    if done.returncode != 0:
        found.append(done.stderr.decode().strip())
    for fault in found[:TOLD]:
        print(f"{os.path.relpath(path, TOP)}: {fault}")
    if len(found) > TOLD:
        print(f"    and {len(found) - TOLD} more")
    if found:
        print("    make update-po brings the texts of the sources into the catalogues")
    return not found


def main():
    passed = failed = skipped = 0
    for name, found in self_test():
        if found:
            print(f"self-test, {name}: {found}")
        passed, failed = passed + (not found), failed + bool(found)
    sources = texts_of_sources()
    if sources is None:
        print("there is no xgettext or no configured build: the catalogues are not compared")
        skipped += 1
    else:
        for name in sorted(os.listdir(os.path.join(TOP, "po"))):
            if name.endswith(".po"):
                good = check(os.path.join(TOP, "po", name), sources)
                passed, failed = passed + good, failed + (not good)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


sys.exit(main())
