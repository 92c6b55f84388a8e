#!/usr/bin/python3
"""Each floor of src/ includes only what lies below it; each library has its rooms.

Read from the #include lines of src/ and include/. A public header says where it belongs in its
first line: /* floor 2: net */. The rules themselves are tested first, by planting one fault each.
"""
import os
import re
import sys
import tempfile

FLOORS = {"base": 0, "pickle": 1, "codec": 1, "net": 2, "auth": 3, "store": 4, "model": 5,
          "app": 6, "ui": 7, "cli": 8}
MAIN = "main"                                   # src/main.c: on floor 8, with cli

# What a room may not know although it lies below.
BLIND = {"net": {"pickle", "codec"}, "auth": {"pickle", "codec"}, "store": {"pickle"},
         "model": {"net", "auth"}}

# Who may include a library's headers.
LIBRARIES = [
    (r"(ncurses.*|curses|term|panel|menu|form)\.h|ncursesw?/.*", r"src/ui/term\.c"),
    (r"curl/.*", r"src/net/.*"),
    (r"libxml/.*", r"src/base/xml\.c"),
    (r"openssl/.*", r"src/(base|auth)/.*"),
    (r"utf8proc\.h", r"src/base/.*"),
    (r"(zlib|lzma|bzlib|zstd|zstd_errors|lz4|lz4frame|lz4hc|archive|archive_entry)\.h|lzma/.*",
     r"src/codec/.*"),
    (r"cmocka\.h", r"tests/.*"),
]

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
FIRST_LINE = re.compile(r"^/\* floor (\d+): (\w+)\b.*\*/")


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as f:
        return f.read()


def sources(root):
    for top in ("include", "src"):
        for folder, _, names in os.walk(os.path.join(root, top)):
            for name in sorted(names):
                if name.endswith((".c", ".h", ".def")):
                    yield os.path.relpath(os.path.join(folder, name), root)


def room_of(root, path, faults):
    """The room a file belongs to, or None with a fault said."""
    parts = path.split("/")
    if parts[0] == "src":
        if len(parts) == 2:
            return MAIN if parts[1] == "main.c" else faults.append(f"{path}: belongs to no room")
        if parts[1] in FLOORS:
            return parts[1]
        return faults.append(f"{path}: src/{parts[1]} is no room of the house")
    first = FIRST_LINE.match(read(root, path).split("\n", 1)[0])
    if not first:
        return faults.append(f"{path}:1: the first line must be like /* floor 2: net */")
    number, room = int(first.group(1)), first.group(2)
    if FLOORS.get(room) != number:
        return faults.append(f"{path}:1: no room '{room}' on floor {number}")
    return room


def floor(room):
    return 8 if room == MAIN else FLOORS[room]


def may_include(room, other, public):
    """Why room may not include a header of the other room, or None."""
    if other == room or (room == MAIN and other == "cli"):
        return None
    if floor(other) >= floor(room):
        return f"{room} (floor {floor(room)}) includes {other} (floor {floor(other)})"
    if other in BLIND.get(room, ()):
        return f"{room} must not know {other}"
    if not public:
        return f"a private header of {other}; its contract belongs into include/pklbrowse/"
    return None


def find(root, path, name):
    for folder in (os.path.dirname(path), "include", "src"):
        found = os.path.normpath(os.path.join(folder, name))
        if os.path.isfile(os.path.join(root, found)):
            return found
    return None


def check_file(root, path):
    faults = []
    room = room_of(root, path, faults)
    if room is None:
        return faults
    for number, line in enumerate(read(root, path).split("\n"), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        name, where = match.group(2), f"{path}:{number}"
        target = find(root, path, name)
        if target is None:
            if match.group(1) == '"' and name != "config.h":
                faults.append(f'{where}: no "{name}" here')
            for pattern, allowed in LIBRARIES:
                if re.fullmatch(pattern, name) and not re.fullmatch(allowed, path):
                    faults.append(f"{where}: <{name}> is not for this file")
            continue
        public = target.startswith("include/")
        other = room_of(root, target, [])
        why = None
        if path.startswith("include/") and not public:
            why = "a public header includes a private one"
        elif other is not None:
            why = may_include(room, other, public)
        if why:
            faults.append(f"{where}: {name}: {why}")
    return faults


# ------------------------------------------------------------------------------- self-test

GOOD = {
    "include/pklbrowse/buf.h": "/* floor 0: base */\n#include <stddef.h>\n",
    "include/pklbrowse/http.h": "/* floor 2: net */\n#include <pklbrowse/buf.h>\n",
    "include/pklbrowse/pkl_doc.h": "/* floor 1: pickle */\n#include \"pklbrowse/buf.h\"\n",
    "include/pklbrowse/codec.h": "/* floor 1: codec */\n",
    "include/pklbrowse/screen.h": "/* floor 7: ui */\n",
    "src/net/http_private.h": "#include <curl/curl.h>\n",
    "src/net/http.c": "#include \"http_private.h\"\n#include <pklbrowse/http.h>\n",
    "src/cli/args.h": "#include <stdio.h>\n",
    "src/ui/term.c": "#include <curses.h>\n#include <pklbrowse/screen.h>\n",
    "src/base/xml.c": "#include <libxml/parser.h>\n",
    "src/main.c": "#include \"cli/args.h\"\n#include <pklbrowse/screen.h>\n",
}
PLANTED = {
    "a floor above": ("src/base/x.c", "#include <pklbrowse/http.h>\n"),
    "a floor above, from a header": ("include/pklbrowse/x.h",
                                     "/* floor 0: base */\n# include \"pklbrowse/http.h\"\n"),
    "the room next door": ("src/codec/x.c", "#include <pklbrowse/pkl_doc.h>\n"),
    "a room not to be known": ("src/store/x.c", "#include <pklbrowse/pkl_doc.h>\n"),
    "a private header of another room": ("src/app/x.c", "#include \"../net/http_private.h\"\n"),
    "a private header made public": (
        "include/pklbrowse/x.h", "/* floor 2: net */\n#include \"../../src/net/http_private.h\"\n"),
    "no floor said": ("include/pklbrowse/x.h", "#pragma once\n"),
    "a floor that is wrong": ("include/pklbrowse/x.h", "/* floor 3: net */\n"),
    "a folder that is no room": ("src/misc/x.c", "\n"),
    "a header that is not there": ("src/base/x.c", "#include \"nowhere.h\"\n"),
    "curses elsewhere": ("src/ui/list.c", "#include <curses.h>\n"),
    "curl elsewhere": ("src/store/x.c", "#include <curl/curl.h>\n"),
    "curl in a contract": ("include/pklbrowse/x.h", "/* floor 2: net */\n#include <curl/curl.h>\n"),
    "libxml2 elsewhere": ("src/store/x.c", "  #include <libxml/parser.h>\n"),
    "OpenSSL elsewhere": ("src/store/x.c", "#include <openssl/evp.h>\n"),
    "compression elsewhere": ("src/pickle/x.c", "#include <zlib.h>\n"),
}


def write(root, path, text):
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def self_test():
    """Yields (name, fault or None) for each rule."""
    def faults(extra):
        with tempfile.TemporaryDirectory() as root:
            for path, text in list(GOOD.items()) + extra:
                write(root, path, text)
            return [fault for path in sources(root) for fault in check_file(root, path)]
    found = faults([])
    yield "a house in order", "; ".join(found) or None
    for name, planted in PLANTED.items():
        found = faults([planted])
        ok = len(found) == 1 and found[0].startswith(planted[0])
        yield name, None if ok else f"planted, found: {found}"


def main():
    root = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
    passed = failed = 0
    for name, fault in self_test():
        if fault:
            print(f"self-test, {name}: {fault}")
            failed += 1
        else:
            passed += 1
    for path in sources(root):
        faults = check_file(root, path)
        print("\n".join(faults), end="\n" if faults else "")
        passed, failed = passed + (not faults), failed + bool(faults)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
