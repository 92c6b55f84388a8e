#!/usr/bin/python3
"""Messages in Korean: who chooses the language, and what is the same in every language."""
import os
import pickle
import sys
import unicodedata

from harness import TOP, Failed, Place, Skipped, run_all, same

CATALOGUES = os.environ.get("PKLBROWSE_LOCALE_DIR") or os.path.join(TOP, "build", "po")
VALUE = {"name": "John", "age": 30, "tags": ["a", "b"]}
UNKNOWN = ("unknown option --nope", "알 수 없는 옵션 --nope")


def korean(**more):
    return dict({"PKLBROWSE_LOCALE_DIR": CATALOGUES, "LANGUAGE": "ko"}, **more)


def columns(line):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def test_who_chooses(p: Place):
    """--lang, then the settings, then the environment as gettext reads it; ASCII is English."""
    folder = {"PKLBROWSE_LOCALE_DIR": CATALOGUES}
    p.put("ko", b"# nothing\n\n lang =  ko \r\nmouse = no\n")
    p.put("en", b"lang = ko\nlang = en\n")
    p.put("odd", b"lang = ../../ko\nlang =\nlang\n = ko\n#lang = ko\n")
    for number, (args, env, is_korean) in enumerate((
            ((), {}, False),
            ((), {"LANGUAGE": "ko"}, True),
            ((), {"LANGUAGE": "de:ko:en"}, True),
            ((), {"LANGUAGE": "en:ko"}, False),
            ((), {"LANGUAGE": "ko", "LC_ALL": "C"}, False),
            ((), {"LANGUAGE": "ko", "LC_ALL": "", "LC_MESSAGES": "", "LANG": ""}, False),
            ((), {"LANGUAGE": "ko", "LC_ALL": "", "LC_MESSAGES": "", "LANG": "C.UTF-8"}, True),
            ((), {"LC_ALL": "", "LC_MESSAGES": "ko_KR.UTF-8", "LANG": "en_GB.UTF-8"}, True),
            (("--lang", "ko"), {}, True),
            (("--lang=ko_KR.UTF-8",), {"LC_ALL": "C"}, True),
            (("--lang", "en"), {"LANGUAGE": "ko"}, False),
            (("--lang=ko", "--ascii"), {"LANGUAGE": "ko"}, False),
            (("--config", "ko"), {}, True),
            (("--config", "ko", "--lang", "en"), {}, False),
            (("--config", "en"), {"LANGUAGE": "ko"}, False),
            (("--config", "odd"), {}, False),
            (("--config", "odd"), {"LANGUAGE": "ko"}, True),
            (("--config", "not there"), {"LANGUAGE": "ko"}, True))):
        done = p.run(*args, "--nope", env=dict(folder, **env))
        if UNKNOWN[is_korean] not in done.err:
            raise Failed(f"{number}, {env}: {done}")
    usual = os.path.join(p.home, ".config", "pklbrowse")
    os.makedirs(usual)
    with open(os.path.join(usual, "config"), "w", encoding="utf-8") as f:
        f.write("lang = ko\n")
    p.run("--nope", env=folder).expect(2, "", UNKNOWN[True])
    p.run("ls", "--lang", "xx", env=folder).expect(2, "", "--lang: there are no messages")
    p.run("ls", "--lang", "ko", env={"PKLBROWSE_LOCALE_DIR": "/nowhere"}).expect(2, "", "--lang")
    p.run("--nope", env={"PKLBROWSE_LOCALE_DIR": "/nowhere", "LANGUAGE": "ko"}).expect(
        2, "", UNKNOWN[False])


def test_help(p: Place):
    whole = p.run("--help", env=korean()).expect(0).out
    english = p.run("--help").expect(0).out
    for part in ("\n명령:\n", "\n옵션:\n", "이 도움말 출력", "절대 실행하지 않습니다"):
        if part not in whole:
            raise Failed(f"--help does not say {part}: {whole}")
    if any(columns(line) > 100 for line in whole.split("\n")):
        raise Failed("a line of --help is wider than 100 columns")
    # Names of commands and options stand where they stand in English.
    for line in english.split("\n"):
        if line.startswith("      --") and line[:28] not in whole:
            raise Failed(f"{line[:28]!r} is not in the Korean help")
    for command in ("ls", "set", "history"):
        if f"사용법: pklbrowse {command}" not in p.run(command, "--help", env=korean()).out:
            raise Failed(command)


def test_errors(p: Place):
    p.put("f", pickle.dumps(VALUE))
    p.put("cut", pickle.dumps(VALUE)[:-3])
    for args, status, part in (
            (("show",), 2, "피연산자가 모자랍니다: pklbrowse show"),
            (("shwo", "x"), 2, "혹시 show입니까?"),
            (("show", "f", ".nope"), 3, "값(dict)에 .nope이(가) 없습니다"),
            (("show", "f", "[a]"), 2, ".a"),
            (("set", "f", ".age=[1"), 2, "괄호가 닫히지 않았습니다"),
            (("set", "f", ".age=1", ".age=2"), 2, "같은 자리를"),
            (("show", "cut"), 6, "피클이"),
            (("set", "f", ".age=1", "--read-only"), 7, "--read-only이면")):
        p.run(*args, env=korean()).expect(status, None, part)


def test_reports(p: Place):
    p.put("f", pickle.dumps(VALUE))
    same(p.run("set", "f", ".age=31", "--dry-run", env=korean()).expect(0).out,
         p.run("set", "f", ".age=31", "--dry-run").expect(0).out
         .replace(" bytes, ", "바이트, 그중 ").replace(" of them untouched", "바이트는 그대로"))
    p.run("set", "f", ".age=31", env=korean()).expect(0)
    same(pickle.loads(p.get("f"))["age"], 31)
    whoami = p.run("whoami", "s3://", env=korean(AWS_REGION="eu-north-1")).out.split("\n")
    for name, value in (("프로필", "default"), ("리전", "eu-north-1")):
        line = [text for text in whoami if text.startswith(name + " ")][0]
        same(columns(line[:line.index(value)]), 13, line)


def test_same_in_every_language(p: Place):
    """What is read by programs: listings, values, differences, opcodes, JSON, and exit statuses."""
    p.put("f", pickle.dumps(VALUE))
    p.put("g", pickle.dumps(dict(VALUE, age=31, more=[VALUE] * 2)))
    p.put("cut", pickle.dumps(VALUE)[:-3])
    for args in (("ls", "-l"), ("ls", "--json"), ("ls", "--versions", "f"), ("show", "g"),
                 ("show", "--repr", "g"), ("show", "--tree", "g"), ("show", "--json", "g"),
                 ("diff", "f", "g"), ("diff", "--json", "f", "g"), ("diff", "--bytes", "f", "g"),
                 ("dis", "g"), ("dis", "--paths", "g"), ("scan", "--json", "f", "cut"),
                 ("set", "f", ".age=1", "--dry-run", "--json"), ("show", "--json", "cut"),
                 ("whoami", "--json", "s3://"), ("--version",)):
        ours, theirs = p.run(*args, env=korean()), p.run(*args)
        same((ours.status, ours.out), (theirs.status, theirs.out), args)
        if "--json" in args:
            same(ours.err, theirs.err, args)
    # Numbers keep their point whatever the environment says.
    p.put("x", pickle.dumps(0.5))
    p.run("show", "--repr", "x", env=korean(LC_NUMERIC="de_DE.UTF-8")).expect(0, "0.5\n")


def need_catalogue(test):
    def run(p: Place):
        if not os.path.exists(os.path.join(CATALOGUES, "ko", "LC_MESSAGES", "pklbrowse.mo")):
            raise Skipped("there are no Korean messages: msgfmt was not found")
        test(p)
    run.__name__ = test.__name__
    return run


TESTS = [need_catalogue(test) for name, test in list(globals().items())
         if name.startswith("test_")]
sys.exit(run_all(TESTS))
