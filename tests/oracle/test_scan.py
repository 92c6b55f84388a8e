#!/usr/bin/python3
"""`pklbrowse scan`: the ways in which scanners were fooled, and pickles that are what they seem.

All samples are bytes written here; nothing is ever unpickled. Expected: the globals, how each is
used, the verdict and the exit status.
"""
import base64
import json
import os
import pickle
import re
import struct
import subprocess
import sys
import tempfile

import suite
from suite import CORPUS, PROGRAM, check, skip


def run(*args):
    done = subprocess.run(
        [PROGRAM, "scan", *args],
        capture_output=True,
        timeout=300,
        check=False,
        env=dict(os.environ, LC_ALL="C.UTF-8"),
    )
    return (
        done.returncode,
        done.stdout.decode("utf-8", "replace"),
        done.stderr.decode("utf-8", "replace"),
    )


def u(text):
    """A str, short form of protocol 4, memoized."""
    data = text.encode("utf-8", "surrogatepass")
    return b"\x8c" + bytes([len(data)]) + data + b"\x94"


def sg(module, name):
    return u(module) + u(name) + b"\x93\x94"


RUN = b"cos\nsystem\n(S'id'\ntR"  # calls os.system('id')
P4 = b"\x80\x04"
LONG = b"K\x00" * 40  # enough leaves that a run is folded

# what: (bytes, "module.name" that must be dangerous, how it is used)
# An array of two int64 that joblib writes behind the BUILD of its wrapper, as bytes of our own.
JOBLIB = (
    b"\x80\x03cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(U\x08subclasscnumpy\nndarray\n"
    b"U\x05shapeK\x02\x85U\x05orderU\x01CU\x05dtypecnumpy\ndtype\nU\x02i8K\x00K\x01\x87R"
    b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tbU\x0aallow_mmap\x89ub"
)

DANGEROUS = {
    "plain": (RUN + b".", "os.system", "called"),
    "B1 memoize behind a far BINPUT": (
        P4
        + b"(K\x01r\xe8\x03\x00\x00"
        + u("os")
        + u("system")
        + b"h\x01h\x02\x93"
        + b"U\x02id\x85Rt.",
        "os.system",
        "called",
    ),
    "B1 a slot used twice": (
        b"\x80\x02(U\x04jsonq\x01U\x02osq\x01U\x06systemq\x02h\x01h\x02\x93U\x02id\x85Rt.",
        "os.system",
        "called",
    ),
    "B2 names by GET, far away": (
        P4 + b"(" + u("system") + LONG + u("os") + LONG + b"h\x01h\x00\x93U\x02id\x85Rt.",
        "os.system",
        "called",
    ),
    "B2 other values pushed and popped between": (
        P4 + u("os") + u("system") + b"K\x010N0}0\x93U\x02id\x85R.",
        "os.system",
        "called",
    ),
    "B2 names under a popped run": (
        P4 + u("os") + u("system") + LONG + b"0" * 40 + b"\x93U\x02id\x85R.",
        "os.system",
        "called",
    ),
    "B2 MARK between, dropped": (
        P4 + u("os") + u("system") + b"(K\x01K\x021\x93U\x02id\x85R.",
        "os.system",
        "called",
    ),
    "B3 the callable by GET": (
        b"\x80\x02cposix\nsystem\nq\x070K\x010h\x07U\x02id\x85R.",
        "posix.system",
        "called",
    ),
    "B3 BUILD makes attributes of what is imported": (
        P4
        + sg("numpy", "prod")
        + b"}"
        + u("a")
        + sg("os", "system")
        + b"sb0"
        + sg("numpy", "prod.a")
        + b"U\x02id\x85R.",
        "os.system",
        "imported",
    ),
    "B3 BUILD on a module's function": (
        P4 + sg("numpy", "prod") + b"}" + u("a") + b"K\x01sb.",
        "numpy.prod",
        "changed",
    ),
    "B4 slot state on a function": (
        P4 + sg("numpy", "size") + b"N}" + u("x") + b"K\x01s\x86b.",
        "numpy.size",
        "changed",
    ),
    "B4 reached through a function's globals": (
        P4 + sg("numpy", "size.__globals__") + b".",
        "numpy.size.__globals__",
        "imported",
    ),
    "B5 dotted name": (
        P4 + sg("collections", "OrderedDict.__init__.__globals__") + b".",
        "collections.OrderedDict.__init__.__globals__",
        "imported",
    ),
    "B5 a module's module": (
        P4 + sg("shelves", "os.system") + b"U\x02id\x85R.",
        "shelves.os.system",
        "called",
    ),
    "B5 builtins in a module path": (
        P4 + sg("six.moves.builtins", "eval") + b"U\x011\x85R.",
        "six.moves.builtins.eval",
        "called",
    ),
    "B5 an import as the last attribute": (
        P4 + sg("secrets", "base64.os") + b".",
        "secrets.base64.os",
        "imported",
    ),
    "B6 INST": (b"(S'id'\nios\nsystem\n.", "os.system", "called"),
    "B6 INST, its result popped": (b"(S'id'\nios\nsystem\n0N.", "os.system", "called"),
    "B6 OBJ, its result popped": (b"(cpty\nspawn\nS'id'\no0N.", "pty.spawn", "called"),
    "B6 OBJ, class by GET": (b"cpty\nspawn\np5\n0(g5\nS'id'\no.", "pty.spawn", "called"),
    "B6 REDUCE popped with a mark": (b"(" + RUN + b"1K\x01.", "os.system", "called"),
    "B6 the program ends with something else on top": (RUN + b"]K\x05a.", "os.system", "called"),
    "B6 NEWOBJ": (
        P4 + sg("subprocess", "Popen") + b"U\x02id\x85\x81.",
        "subprocess.Popen",
        "built",
    ),
    "B6 NEWOBJ_EX": (P4 + sg("subprocess", "Popen") + b")}\x92.", "subprocess.Popen", "built"),
    "B6 DUP": (b"cos\nsystem\n2(S'id'\ntR0.", "os.system", "called"),
    "B9 ends after the call": (RUN, "os.system", "called"),
    "B9 no such opcode after the call": (RUN + b"\xff.", "os.system", "called"),
    "B9 an error after the call": (RUN + b"0e.", "os.system", "called"),
    "B9 a memo slot that is empty": (RUN + b"0h\x99.", "os.system", "called"),
    "B9 invalid UTF-8 after the call": (RUN + b"0X\x01\x00\x00\x00\xff.", "os.system", "called"),
    "B9 cut inside a string": (
        P4 + sg("os", "system") + b"U\x02id\x85RX\xff\x00\x00\x00abc",
        "os.system",
        "called",
    ),
    "B10 numbers as names, afterwards": (RUN + b"0K\x01K\x02\x93.", "os.system", "called"),
    "B11 in bytes": (
        P4 + b"B" + struct.pack("<I", len(RUN) + 1) + RUN + b"." + b".",
        "os.system",
        "called",
    ),
    "B11 in bytes, with PROTO": (
        P4 + b"C" + bytes([len(RUN) + 3]) + b"\x80\x02" + RUN + b"." + b".",
        "os.system",
        "called",
    ),
    "B11 in a bytearray": (
        b"\x96" + struct.pack("<Q", len(RUN) + 1) + RUN + b"." + b".",
        "os.system",
        "called",
    ),
    "B11 in a str of Latin-1": (
        P4
        + b"X"
        + struct.pack("<I", len(("\x80\x02" + RUN.decode() + ".").encode()))
        + ("\x80\x02" + RUN.decode() + ".").encode()
        + b".",
        "os.system",
        "called",
    ),
    "B11 in a Python 2 str": (
        b"S'\\x80\\x02" + RUN.replace(b"\n", b"\\n").replace(b"'", b"\\'") + b".'\n.",
        "os.system",
        "called",
    ),
    "B11 in a str of protocol 0": (
        b"V" + RUN.replace(b"\n", b"\\u000a") + b".\n.",
        "os.system",
        "called",
    ),
    "B11 in base64": (
        P4 + u(base64.b64encode(b"\x80\x03" + RUN + b".").decode()) + b".",
        "os.system",
        "called",
    ),
    "B11 in hex": (P4 + u((b"\x80\x03" + RUN + b".").hex()) + b".", "os.system", "called"),
    "B11 in bytes in bytes": (
        b"C\x33"
        + (
            b"\x80\x02]"
            + b"B\x15\x00\x00\x00"
            + b"\x80\x02cos\nsystem\n)R"
            + b"....."
            + b"\x80" * 40
        )[:51]
        + b".",
        "os.system",
        "called",
    ),
    "B11 torch's loader": (
        P4 + sg("torch.storage", "_load_from_bytes") + b"C\x04abcd\x85R.",
        "torch.storage._load_from_bytes",
        "called",
    ),
    "B12 behind the end": (b"K\x01." + RUN + b".", "os.system", "called"),
    "B12 behind the end, broken": (b"K\x01." + RUN + b"\xff", "os.system", "called"),
    "B12 the third of three": (
        b"K\x01.\x80\x02N." + P4 + sg("os", "system") + b"U\x02id\x85R.",
        "os.system",
        "called",
    ),
    "B12 behind an array of joblib whose bytes look like the end": (
        JOBLIB + b"." * 16 + b"0" + RUN + b".",
        "os.system",
        "called",
    ),
    "B12 behind an array of joblib whose bytes look like a long string": (
        JOBLIB + b"T\xff\xff\x00\x00" * 3 + b"T0" + RUN + b".",
        "os.system",
        "called",
    ),
    "B13 a frame of nothing": (P4 + b"\x95" + bytes(8) + RUN + b".", "os.system", "called"),
    "B13 a frame inside a frame": (
        P4 + b"\x95" + struct.pack("<Q", 30) + b"\x95" + struct.pack("<Q", 4) + RUN + b".",
        "os.system",
        "called",
    ),
    "B14 opcodes newer than the PROTO": (
        b"\x80\x02" + u("os") + u("system") + b"\x93U\x02id\x85R.",
        "os.system",
        "called",
    ),
    "B14 no PROTO": (b"\x96" + bytes(8) + b"0" + RUN + b".", "os.system", "called"),
    "B14 two PROTOs": (
        b"\x80\x00\x80\x04" + sg("os", "system") + b"U\x02id\x85R.",
        "os.system",
        "called",
    ),
    "B15 many references": (
        b"]q\x00" + b"h\x00" * 3000 + b"0" * 3000 + RUN + b".",
        "os.system",
        "called",
    ),
    "B15 a far memo slot": (b"K\x01r\xff\xff\xff\xff0" + RUN + b".", "os.system", "called"),
    "B16 a return in the name": (b"cos\r\nsystem\n)R0" + RUN + b".", "os.system", "called"),
    "a later pickle with the first one's memo": (
        b"\x80\x02U\x02osq\x00U\x06systemq\x01.h\x00h\x01\x93U\x02id\x85R.",
        "os.system",
        "called",
    ),
    "the class of _reconstructor": (
        b"ccopy_reg\n_reconstructor\n(csubprocess\nPopen\nc__builtin__\nobject\nNtR.",
        "subprocess.Popen",
        "built",
    ),
    "Python 2's name": (b"c__builtin__\neval\n(S'1'\ntR.", "__builtin__.eval", "called"),
    "Python 2's commands": (b"ccommands\ngetoutput\n(S'1'\ntR.", "commands.getoutput", "called"),
    "getattr": (
        P4 + sg("builtins", "getattr") + sg("collections", "deque") + u("x") + b"\x86R.",
        "builtins.getattr",
        "called",
    ),
    "sys.path is appended to": (P4 + sg("sys", "path") + u("/tmp") + b"a.", "sys.path", "changed"),
    "a harmless module's list is appended to": (
        P4 + sg("colors", "names") + u("x") + b"a.",
        "colors.names",
        "changed",
    ),
    "surrogates before it": (P4 + b"\x8c\x03\xed\xa0\x800" + RUN + b".", "os.system", "called"),
}

# B7 and the lists of the scanners: named alone, nothing else.
NAMES = """
pty.spawn cProfile.run cProfile.runctx profile.Profile.run profile.Profile.runctx trace.Trace.run
trace.Trace.runctx
idlelib.autocomplete.AutoComplete.get_entity idlelib.calltip.Calltip.fetch_tip
idlelib.debugobj.ObjectTreeItem.SetText
idlelib.pyshell.ModifiedInterpreter.runcode idlelib.run.Executive.runcode
lib2to3.pgen2.grammar.Grammar.loads lib2to3.pgen2.pgen.ParserGenerator.make_label ctypes.CDLL
pydoc.locate
operator.methodcaller _operator.attrgetter operator.attrgetter operator.itemgetter
builtins.__import__
distutils.file_util.write_file asyncio.unix_events._UnixSubprocessTransport._start
doctest.debug_script
ensurepip._run_pip code.InteractiveInterpreter.runcode numpy.f2py.crackfortran.getlincoef
numpy.testing._private.utils.runstring pkgutil.resolve_name uuid._get_command_stdout
_osx_support._read_output
_aix_support._read_cmd_output imaplib.IMAP4_stream _pyrepl.pager.pipe_pager
test.support.script_helper.assert_python_ok _interpreters.run_string _posixsubprocess.fork_exec
site.main
atexit.register multiprocessing.util.spawnv_passfds mlflow.projects.backend.local._run_entry_point
pandas.io.parsers.readers.read_csv torch._dynamo.guards.GuardBuilder.get
torch._inductor.codecache.compile_file
torch.fx.experimental.symbolic_shapes.ShapeEnv.evaluate_guards_expression
torch.jit.unsupported_tensor_ops.execWrapper torch.serialization.load torch.load torch.compile
torch.hub.load
torch.utils._config_module.ConfigModule torch.utils._config_module.ConfigModule.load_config
torch.utils.bottleneck.__main__.run_cprofile torch.utils.collect_env.run
torch.utils.data.datapipes.utils.decoder.basichandlers
torch.distributed.elastic.rendezvous.api.basichandlers
builtins.eval builtins.exec builtins.compile builtins.getattr builtins.open builtins.breakpoint
__builtin__.eval __builtin__.apply __builtin__.execfile __builtin__.file builtins.globals
builtins.setattr
cloudpickle.cloudpickle._builtin_type cloudpickle.cloudpickle._make_function
cloudpickle.cloudpickle.subimport
types.CodeType types.FunctionType functools.partial logging.FileHandler _io.FileIO io.open _io.open
requests.api.get urllib.request.urlopen socket.create_connection ssl.SSLSocket shutil.rmtree
runpy.run_path
aiohttp.client.request bdb.Bdb.run commands.getoutput httplib.HTTPConnection nt.system posix.popen
os.popen
subprocess.Popen sys.exit timeit.timeit venv.create webbrowser.open pickle.loads _pickle.loads
pip.main
marshal.loads codeop.compile_command unittest.main importlib.import_module
_frozen_importlib._gcd_import
_imp.create_dynamic imp.load_source zipimport.zipimporter gc.get_objects inspect.getsource pdb.run
http.client.HTTPConnection urllib2.urlopen smtplib.SMTP ftplib.FTP poplib.POP3 telnetlib.Telnet
nntplib.NNTP
_ctypes.dlopen dill.loads dill._dill._create_code joblib.load tempfile.mktemp filecmp.cmp
pexpect.spawn
pipes.Template socketserver.TCPServer xmlrpc.client.ServerProxy signal.signal _signal.signal
threading.Thread
_thread.start_new_thread sqlite3.connect _sqlite3.connect fileinput.input glob.glob platform.popen
linecache.getlines difflib.HtmlDiff compileall.compile_dir py_compile.compile mmap.mmap
select.select
selectors.EpollSelector syslog.syslog tarfile.open zipfile.ZipFile shelve.open fickling.load
picklescan.scanner.x
modelscan.x model_unpickler.x saferpickle.x modelaudit.x _xxsubinterpreters.run_string compile.x
exec.x eval.x
numpy.distutils.exec_command.exec_command __builtins__.x _frozen_importlib_external.x
cloudpickle.cloudpickle._function_setstate cloudpickle.cloudpickle._make_cell
cloudpickle.cloudpickle._make_empty_cell torch.utils.bottleneck.__main__.run_autograd_prof
_operator.itemgetter _operator.methodcaller builtins.apply builtins.__import__
""".split()

# Whole modules: whatever is taken from them, and from modules inside.
MODULES = """
__builtin__ __builtins__ _aix_support _ctypes _frozen_importlib _frozen_importlib_external _imp
_interpreters _operator _osx_support _pickle _posixsubprocess _pyrepl _signal _sqlite3 _thread
_xxsubinterpreters aiohttp asyncio atexit bdb builtins cProfile cloudpickle code codeop commands
compile compileall ctypes difflib dill distutils doctest ensurepip eval exec fickling filecmp
fileinput ftplib functools gc glob http httplib idlelib imaplib imp importlib inspect joblib
lib2to3 linecache logging marshal mmap model_unpickler modelaudit modelscan multiprocessing
nntplib nt numpy.distutils numpy.f2py operator os pdb pexpect pickle picklescan pip pipes pkgutil
platform poplib posix profile pty py_compile pydoc requests runpy saferpickle select selectors
shelve shutil signal site smtplib socket socketserver sqlite3 ssl subprocess sys syslog tarfile
telnetlib tempfile test threading timeit torch._dynamo torch._inductor torch.compile torch.hub
torch.jit trace types unittest urllib urllib2 uuid venv webbrowser xmlrpc zipfile zipimport
""".split()

UNKNOWN = {
    "a class nobody knows": (P4 + sg("mylib", "Cosine") + b")\x81}b.", "mylib.Cosine", "built"),
    "B10 numbers as names": (P4 + b"K\x01K\x02\x93.", None, None),
    "an extension code": (b"\x80\x02\x82\xf0)R.", None, None),
    "a persistent object called": (b"Pid\n)R.", None, None),
    "the result of a harmless call called": (
        P4 + sg("collections", "deque") + b")R)R.",
        "collections.deque",
        "result_called",
    ),
    "a safe class's attribute": (
        P4 + sg("collections", "OrderedDict.fromkeys") + b")R.",
        "collections.OrderedDict.fromkeys",
        "called",
    ),
    "a nested pickle of an unknown class": (
        P4
        + b"C"
        + bytes([len(P4 + sg("mylib", "X") + b")R.")])
        + P4
        + sg("mylib", "X")
        + b")R."
        + b".",
        "mylib.X",
        "called",
    ),
}


def scan(folder, data):
    path = os.path.join(folder, "sample.pkl")
    with open(path, "wb") as f:
        f.write(data)
    status, out, err = run("--json", path)
    return status, json.loads(out) if out else {}, err


def full_name(row):
    return f"{row.get('module')}.{row.get('name')}"


def samples(folder):
    for what, (data, name, use) in DANGEROUS.items():
        status, found, err = scan(folder, data)
        rows = [
            r
            for r in found.get("globals", ())
            if full_name(r) == name and r["grade"] == "dangerous"
        ]
        check(
            status == 1 and found["verdict"] == "dangerous",
            f"{what}: status {status}, {found}, {err}",
        )
        check(any(r[use] for r in rows), f"{what}: {name} {use}: {found}, {err}")
    for name in NAMES:
        parts = name.split(".")
        grades = []
        for cut in range(1, len(parts)):
            module, attribute = ".".join(parts[:cut]), ".".join(parts[cut:])
            status, found, _ = scan(folder, P4 + sg(module, attribute) + b".")
            grades.append(status == 1)
        # At least as it is imported: module and class apart as Python has them.
        check(grades[-1] or any(grades), f"{name} alone: {grades}")
        status, _, _ = scan(
            folder,
            b"\x80\x02c" + name.rpartition(".")[0].encode() + b"\n" + parts[-1].encode() + b"\n.",
        )
        check(status == 1 or any(p[:1].isupper() for p in parts[:-1]), f"{name} in protocol 2")
    whole = [(module + inside, "x") for module in MODULES for inside in ("", ".y")]
    _, found, _ = scan(folder, P4 + b"".join(sg(*name) + b"0" for name in whole) + b"N.")
    grades = {(r["module"], r["name"]): r["grade"] for r in found["globals"]}
    for module, name in whole:
        check(grades.get((module, name)) == "dangerous", f"{module}.{name}: not dangerous")
    for what, (data, name, use) in UNKNOWN.items():
        status, found, err = scan(folder, data)
        check(
            status == 8 or (status == 6 and name is None),
            f"{what}: status {status}, {found}, {err}",
        )
        if name is not None:
            check(
                any(full_name(r) == name and r[use] for r in found["globals"]), f"{what}: {found}"
            )


# ------------------------------------------------------------------- what is no trouble


class Node:
    pass


def harmless(folder):
    import collections
    import datetime
    import decimal
    import fractions
    import pathlib
    import uuid

    values = [
        None,
        [1, "a", b"b"],
        {"os": "system", "cos\nsystem\n": "(S'id'\ntR."[:3]},
        {1, 2},
        frozenset("ab"),
        collections.OrderedDict(a=1),
        collections.defaultdict(list),
        collections.Counter("aab"),
        collections.deque([1]),
        datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc),
        decimal.Decimal("1.5"),
        fractions.Fraction(1, 3),
        uuid.UUID(int=5),
        pathlib.PurePosixPath("/a"),
        ValueError("x"),
        range(5),
        slice(1),
        2j,
        bytearray(b"abc"),
        Ellipsis,
        int,
        "class Foo:\n    pass\n",
        "cat\ndog\nbird\n",
        "import os\n",
        "gAAAAAB-not-a-pickle-but-a-token",
        "(c) 2024\nall rights reserved\n",
        b"\x80\x04",
        b"c\n\n",
        "8004",
        "80" * 40,
        b"I1\n." * 3,
    ]
    for protocol in range(6):
        for value in values:
            data = pickle.dumps(value, protocol)
            status, found, err = scan(folder, data)
            check(
                status == 0 and found["verdict"] == "safe",
                f"{value!r}, protocol {protocol}: {status} {found} {err}",
            )
        status, found, _ = scan(folder, pickle.dumps([Node(), Node()], protocol))
        rows = {full_name(r): r for r in found["globals"]}
        row = rows["__main__.Node"]
        check(
            status == 8 and row["built"] == 2 and row["path"] == "[0]",
            f"two objects, protocol {protocol}: {status} {found}",
        )
    status, found, _ = scan(
        folder,
        b"]" + b"(K\x01K\x02X\x01\x00\x00\x00at" * 5000 + b"e."
        if False
        else pickle.dumps([(i, str(i), None) for i in range(20000)], 4),
    )
    check(status == 0, f"many tuples: {status}")
    status, _, _ = scan(folder, b"\x80\x02" + b"]" * 100000 + b"a" * 99999 + b".")
    check(status == 0, "100,000 levels")
    status, _, _ = scan(folder, b"(" + b"K\x01" * 300000 + b"t.")
    check(status == 0, "a tuple of 300,000")


# ------------------------------------------------------------------------ the command


def command(folder):
    def write(name, data):
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)
        return path

    safe = write("in/a-safe.pkl", b"K\x01.")
    bad = write("in/b-broken.pkl", P4 + b"]K\x01a\xff")
    evil = write("in/c/evil.pkl", RUN + b".")
    odd = write("in/d-unknown.pkl", P4 + sg("mylib", "X") + b".")
    write("in/readme.txt", b"Hello, this is no pickle.\n")
    write("clean/readme.txt", b"Hello, this is no pickle.\n")
    write("clean/one.pkl", b"K\x01.")
    packed = write("packed/x.pt", b"PK\x03\x04" + bytes(60))
    gone = os.path.join(folder, "in/none.pkl")
    cases = [
        ((safe,), 0),
        ((bad,), 6),
        ((evil,), 1),
        ((odd,), 8),
        ((gone,), 3),
        ((safe, odd), 8),
        ((odd, bad), 6),
        ((bad, gone), 3),
        ((gone, evil, bad), 1),
        ((odd, evil), 1),
        (("-r", os.path.join(folder, "in")), 1),
        (("-r", os.path.join(folder, "in/")), 1),
        (("-r", os.path.join(folder, "clean")), 0),
        (("-r", os.path.join(folder, "packed")), 6),
        ((packed,), 6),
        ((os.path.join(folder, "clean/readme.txt"),), 6),
        ((), 2),
        (("--repr", safe), 2),
    ]
    for args, want in cases:
        status, out, err = run(*args)
        check(status == want, f"{args}: status {status}, not {want}: {out} {err}")
    status, out, err = run("-r", os.path.join(folder, "in"))
    check(
        [m for m in re.findall(r"(?m)^\S*/in/(\S+): (.*)$", out)]
        == [
            ("a-safe.pkl", "safe"),
            ("b-broken.pkl", "broken"),
            ("c/evil.pkl", "dangerous"),
            ("d-unknown.pkl", "unknown"),
            ("readme.txt", "not a pickle"),
        ],
        f"listing: {out}",
    )
    check("b-broken.pkl" in err and err.count("\n") == 1, f"messages: {err}")
    status, out, _ = run("--json", safe, gone, evil)
    lines = [json.loads(line) for line in out.splitlines()]
    check([x["verdict"] for x in lines] == ["safe", None, "dangerous"], f"JSON: {out}")
    status, out, _ = run(evil)
    check(
        "  dangerous  os.system  called  @0  (runs programs and opens files)\n" in out,
        f"text: {out}",
    )
    hostile = write("hostile.pkl", b"\x80\x04" + sg("m\x1b[2J", "n\u202e") + b".")
    status, out, _ = run(hostile)
    check("\x1b" not in out and "\u202e" not in out and status == 8, f"escapes: {out!r}")
    done = subprocess.run(
        [PROGRAM, "scan", "-"], input=RUN + b".", capture_output=True, check=False
    )
    check(done.returncode == 1, "standard input")


# --------------------------------------------------------------------------- corpus


def corpus():
    if not os.path.isdir(CORPUS):
        skip(f"no corpus at {CORPUS}")
        return
    status, out, err = run("-r", "--json", os.path.join(CORPUS, "generated"))
    rows = [json.loads(line) for line in out.splitlines()]
    check(
        len(rows) > 100 and status in (1, 6, 8),
        f"corpus/generated: {len(rows)} files, status {status}, {err[:300]}",
    )
    verdicts = {}
    for row in rows:
        verdicts[row["verdict"]] = verdicts.get(row["verdict"], 0) + 1
        for g in row["globals"]:
            if g["grade"] == "dangerous":
                name = full_name(g)
                verdicts.setdefault("names", set()).add((name, os.path.basename(row["location"])))
    print("corpus/generated:", {k: v for k, v in verdicts.items() if k != "names"})
    for name, where in sorted(verdicts.get("names", ())):
        check(name in ALLOWED, f"{where}: {name} is dangerous")
    status, out, err = run("-r", "--json", os.path.join(CORPUS, "real"))
    rows = [json.loads(line) for line in out.splitlines()]
    check(
        status == 1 and any(r["verdict"] == "dangerous" for r in rows),
        f"corpus/real: status {status}",
    )
    print(
        f"corpus/real: {len(rows)} files,",
        {
            v: sum(r['verdict'] == v for r in rows)
            for v in ("safe", "unknown", "dangerous", "broken", "not a pickle")
        },
    )
    malicious = [
        r for r in rows if re.search(r"malicious\d*\.pkl|broken_model|nested_pickle", r["location"])
    ]
    for r in malicious:
        check(r["verdict"] in ("dangerous",), f"{r['location']}: {r['verdict']}")


# What the samples really name, and what the lists of the scanners have as dangerous by itself.
ALLOWED = {
    "builtins.getattr",
    "__builtin__.getattr",
    "operator.attrgetter",
    "operator.itemgetter",
    "operator.methodcaller",
    "_operator.or_",
    "_operator.getitem",
    "_functools.reduce",
    "__builtin__.reduce",
    "functools.partial",
    "os.stat_result",
    "logging.LogRecord",
    "torch.storage._load_from_bytes",
}


def main():
    with tempfile.TemporaryDirectory() as folder:
        samples(folder)
        harmless(folder)
        command(folder)
        corpus()
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
