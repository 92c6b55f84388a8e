#!/usr/bin/python3
"""Writes src/pickle/lens/names.def: classes, built-in functions and singletons of the standard
library whose repr says nothing about where they lie in memory, as a pickle would name them.  Run
it with Python 3.11."""
import importlib
import sys
import types

MODULES = """builtins types collections collections.abc datetime decimal fractions uuid numbers
enum functools itertools operator math cmath statistics re array ipaddress pathlib zoneinfo io
string random struct time typing dataclasses abc contextlib queue threading weakref logging
argparse copy pickle json datetime calendar csv configparser heapq bisect hashlib binascii zlib
socket ssl select selectors asyncio concurrent.futures multiprocessing subprocess os posixpath
tempfile shutil glob fnmatch urllib.parse urllib.request urllib.error http http.client
http.cookies http.cookiejar email.message email.header xml.etree.ElementTree xml.dom.minidom
sqlite3 unittest inspect ast codecs gettext locale _codecs _operator _functools _collections _io
_random _struct _weakref _thread secrets textwrap difflib graphlib contextvars traceback
warnings gc sys errno signal stat ctypes mmap zipfile tarfile gzip bz2 lzma shelve dbm plistlib
netrc cProfile pprint reprlib platform string _datetime _decimal _collections_abc _weakrefset
builtins""".split()


def stable(value):
    if value is None or isinstance(
        value, (str, bytes, int, float, complex, tuple, list, dict, set, frozenset)
    ):
        return None
    if isinstance(value, types.ModuleType):
        return None
    if not (
        isinstance(
            value,
            (
                type,
                types.BuiltinFunctionType,
                types.MethodDescriptorType,
                types.WrapperDescriptorType,
            ),
        )
        or value in (Ellipsis, NotImplemented)
        or type(value).__module__ == "typing"
    ):
        return None
    text = repr(value)
    return None if " at 0x" in text or "\n" in text or len(text) > 200 else text


def main():
    rows = {}
    for module in MODULES:
        m = importlib.import_module(module)
        for name, value in vars(m).items():
            hidden = name.startswith("__") and (
                module != "builtins" or not isinstance(value, types.BuiltinFunctionType)
            )
            text = None if hidden else stable(value)
            if text is None:
                continue
            rows[module, name] = text
            if not isinstance(value, type):
                continue
            # classes in classes, and the methods of the built-in types
            for inner, below in vars(value).items():
                if inner.startswith("__") or (module != "builtins" and not isinstance(below, type)):
                    continue
                try:
                    reached = getattr(value, inner)
                except Exception:
                    continue
                text = stable(reached)
                if text is not None:
                    rows[module, name + "." + inner] = text
    out = open(sys.argv[1], "w")
    out.write(
        "/* Made by tests/oracle/make_lens_names.py from Python %d.%d: do not edit. */\n"
        % sys.version_info[:2]
    )

    def quote(s):
        assert s.isascii()
        return '"%s"' % s.replace("\\", "\\\\").replace('"', '\\"')

    for (module, name), text in sorted(rows.items()):
        out.write("NAME(%s, %s,\n     %s)\n" % (quote(module), quote(name), quote(text)))
    print(len(rows), "names")


main()
