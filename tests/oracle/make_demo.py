#!/usr/bin/python3
"""Writes the sample buckets of docs/demo: make_demo.py [FOLDER].

The same bytes every time; test_demo.py holds the committed files against them. Classes that no
reader will have (mylib, shop) are made up here, so that they can be pickled by name.
"""
import collections
import copyreg
import datetime
import decimal
import enum
import fractions
import io
import os
import pickle
import struct
import sys
import types
import uuid

FILES = {}


def put(path, value, protocol=4):
    FILES[path] = value if isinstance(value, bytes) else pickle.dumps(value, protocol)


def module(name, **contents):
    """A module of that name; the classes in it say that they come from there."""
    made = types.ModuleType(name)
    for key, value in contents.items():
        value.__module__ = name
        value.__qualname__ = value.__name__ = key
        setattr(made, key, value)
    sys.modules[name] = made
    return made


class Plain:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


class Slotted:
    __slots__ = ("x", "y", "__dict__")


class Tagged:
    """Comes back by a call with arguments; then state, items and entries."""
    def __reduce__(self):
        return (Tagged, ("draft", 3), {"owner": "kim"}, iter([1, 2, 3]), iter([("k", "v")]))


class Size(enum.Enum):
    SMALL = 1
    LARGE = 2

    def __reduce_ex__(self, protocol):          # as most versions of Python write it
        return Size, (self.value,)


class Cents(int):
    pass


module("mylib", Cosine=type("Cosine", (Plain,), {}), Layer=type("Layer", (Plain,), {}))
module("shop", Order=type("Order", (Plain,), {}), Customer=type("Customer", (Plain,), {}),
       Point=Slotted, Tagged=Tagged, Size=Size, Cents=Cents,
       Line=collections.namedtuple("Line", "sku quantity price"))
mylib, shop = sys.modules["mylib"], sys.modules["shop"]


# ---------------------------------------------------------- an array, as numpy writes it

def fake_numpy():
    """numpy's own reduce tuples without numpy, which is not needed to read them either."""
    def reconstruct():
        pass

    class DType:
        def __reduce__(self):
            return DType, ("f4", False, True), (3, "<", None, None, None, -1, -1, 0)

    class NDArray:
        def __init__(self, shape, numbers):
            self.shape, self.data = shape, struct.pack(f"<{len(numbers)}f", *numbers)

        def __reduce__(self):
            return (reconstruct, (NDArray, (0,), b"b"),
                    (1, self.shape, DType(), False, self.data))

    module("numpy", ndarray=NDArray, dtype=DType)
    module("numpy.core")
    module("numpy.core.multiarray", _reconstruct=reconstruct)
    return NDArray


def forget(*names):
    for name in names:
        del sys.modules[name]


# ------------------------------------------------------------------------------ my-bucket

def records(count):
    names = ["Kim", "Lee", "Park", "Müller", "O'Brien", "Nguyễn", "Иванова", "佐藤"]
    cities = ["Seoul", "New York", "Köln", "Hà Nội", "Москва", "東京"]
    return [{"id": 1000 + i, "name": names[i % len(names)], "city": cities[i % len(cities)],
             "score": round(i * 7919 % 10007 / 100, 2), "active": i % 3 != 0,
             "tags": None if i % 5 else ["new", f"batch-{i // 100}"]} for i in range(count)]


def my_bucket():
    put("my-bucket/data.pickle", {"name": "John", "age": 30, "city": "New York"},
        pickle.DEFAULT_PROTOCOL)
    put("my-bucket/users.pickle", records(1500))
    put("my-bucket/notes.txt", "This is not a pickle, only a note that lies beside them.\n"
        "A browser shows what it is, how big it is and when it was written.\n".encode())
    array = fake_numpy()
    conv = {"kind": "conv", "size": 3, "k": 7, "padding": (1, 1)}
    put("my-bucket/models/params.pkl", {
        "name": "resnet-50",
        "lr": 0.003,
        "created": datetime.datetime(2024, 5, 6, 7, 8, 9, tzinfo=datetime.timezone.utc),
        "layers": [conv, {"kind": "pool", "size": 2, "k": 5, "padding": (0, 0)}, conv],
        "sched": mylib.Cosine(base_lr=0.003, steps=90_000, warm_up=500),
        "weights": array((4, 3), [i / 8 - 0.5 for i in range(12)]),
        "token": b"\x00\x1b[2J\xff",
    })
    forget("numpy", "numpy.core", "numpy.core.multiarray")
    for month, losses in (("2024-01", [2.31, 1.87, 1.42]), ("2024-02", [1.4, 1.22, 1.05, 0.98])):
        put(f"my-bucket/models/{month}/metrics.pkl",
            {"epochs": len(losses), "loss": losses, "best": min(losses),
             "machine": {"gpus": 4, "name": "train-07"}})


# ------------------------------------------------------------------------------ protocols

def protocols():
    for protocol in range(6):
        put(f"protocols/protocol-{protocol}.pkl", {
            "protocol": protocol,
            "title": "the same record in every protocol",
            "user": {"name": "Ana", "age": 41, "address": {"city": "Porto", "zip": "4000-123"}},
            "numbers": [0, 1, -1, 255, 65536, -2**31, 2**64, 0.1, 1e300, float("-inf")],
            "flags": (True, False, None),
            "raw": bytes(range(8)),
            "nested": [[["deep"]]],
            "order": shop.Order(number=17, paid=True, lines=[shop.Line("A-1", 2, 9.5)]),
        }, protocol)


# ---------------------------------------------------------------------------------- types

def people():
    boss = shop.Customer(name="Mina", reports=[])
    for name in ("Ben", "Eva"):
        boss.reports.append(shop.Customer(name=name, boss=boss))
    return boss


def persistent():
    class Pickler(pickle.Pickler):
        def persistent_id(self, obj):
            return ("row", "customers", obj.key) if isinstance(obj, Plain) else None
    out = io.BytesIO()
    Pickler(out, 4).dump({"order": 17, "customer": Plain(key=4711)})
    return out.getvalue()


def python2():
    """What cPickle of Python 2.7 wrote: 8-bit str, long, an old-style instance."""
    return (b"(dp1\nS'name'\np2\nS'J\\xf6rg'\np3\nsS'age'\np4\nI30\nsS'visits'\np5\nL12345678901L\n"
            b"sS'city'\np6\nVK\\u00f6ln\np7\nsS'member'\np8\nI01\nsS'rate'\np9\nF0.25\n"
            b"sS'account'\np10\n(ibilling\nAccount\np11\n(dp12\nS'balance'\np13\nI120\n"
            b"sS'currency'\np14\nS'EUR'\np15\nsbs.")


def types_bucket():
    put("types/scalars.pkl", {
        "none": None, "true": True, "false": False, "small": 7, "negative": -129,
        "int": 2**31 - 1, "long": 2**100, "googol": 10**100, "float": 0.1, "tiny": 5e-324,
        "inf": float("inf"), "nan": float("nan"), "minus zero": -0.0, "str": "text",
        "empty": "", "bytes": b"\x00\x01\xfe\xff", "bytearray": bytearray(b"can be changed"),
        "complex": 3 - 4j, "ellipsis": ..., "range": range(0, 10, 3), "slice": slice(1, None),
    }, 5)
    put("types/containers.pkl", {
        "list": [1, [2, [3, []]]], "tuple": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
        "set": {1, 2, 3}, "frozenset": frozenset([10]), "empty": [[], (), {}, set()],
        "ordered": collections.OrderedDict([("first", 1), ("second", 2)]),
        "counter": collections.Counter({"a": 3, "b": 1}),
        "default": collections.defaultdict(list, {"x": [1]}),
        "deque": collections.deque([1, 2, 3], maxlen=10),
        "keys": {1: "int", 2.5: "float", "s": "str", b"b": "bytes", (1, "t"): "tuple",
                 None: "none", frozenset([1]): "frozenset"},
    })
    put("types/dates-and-decimals.pkl", {
        "date": datetime.date(2026, 11, 22),
        "time": datetime.time(13, 37, 0, 250_000),
        "naive": datetime.datetime(2026, 11, 22, 13, 37),
        "utc": datetime.datetime(2026, 11, 22, 13, 37, 5, 123456, datetime.timezone.utc),
        "seoul": datetime.datetime(2026, 11, 22, 22, 37, tzinfo=datetime.timezone(
            datetime.timedelta(hours=9), "KST")),
        "span": datetime.timedelta(days=-1, seconds=3661, microseconds=7),
        "price": decimal.Decimal("19.90"),
        "exact": decimal.Decimal("1E-28"),
        "third": fractions.Fraction(1, 3),
        "id": uuid.UUID("12345678-1234-5678-1234-567812345678"),
    })
    point = shop.Point()
    point.x, point.y, point.label = 1, 2, "slots and a dict"
    put("types/objects.pkl", {
        "order": shop.Order(number=18, customer=shop.Customer(name="Ana", since=2019), open=True),
        "slots": point, "tagged": shop.Tagged(), "enum": shop.Size.LARGE,
        "subclass": shop.Cents(1990), "namedtuple": shop.Line("B-2", 1, 4.0),
        "class": shop.Order, "function": len, "error": ValueError("wrong colour", 42),
    })
    for protocol in (0, 2):
        put(f"types/objects-protocol-{protocol}.pkl",
            {"order": shop.Order(number=19, open=False), "cents": shop.Cents(5)}, protocol)
    address = {"city": "Porto", "zip": "4000-123"}
    put("types/shared.pkl", {"home": address, "work": address, "all": [address, address],
                             "pair": (address, "both the same")})
    loop = {"name": "loop"}
    loop["self"] = loop
    ring = [1, 2]
    ring.append(ring)
    put("types/recursive.pkl", {"dict": loop, "list": ring, "people": people()})
    put("types/big-list.pkl", [i * i % 65521 for i in range(20_000)])
    put("types/long-text.pkl", {"text": "All work and no play makes a long line. " * 250,
                                "lines": "\n".join(f"line {i}" for i in range(200))})
    put("types/text.pkl", {
        "korean": "안녕하세요, 피클",
        "emoji": "👩\u200d👩\u200d👧\u200d👦 🇰🇷 👍🏽", "combining": "e\u0301 = é, n\u0303 = ñ",
        "arabic": "مرحبا بالعالم", "hebrew": "שלום", "override": "abc\u202egnp.exe\u202c",
        "control": "bell \a, escape \x1b[31mred\x1b[0m, null \0, tab \t.",
        "surrogate": "half of a pair: \ud83d", "wide": "ｆｕｌｌ　ｗｉｄｔｈ", "thai": "สวัสดี",
        "zero width": "a\u200bb\u200dc\ufeff", "math": "𝒳 ≤ ∑ 𝛼ᵢ",
        "newlines": "one\ntwo\r\nthree\u2028four",
        "한글 키": "a key that is not ASCII", "ключ": ["значение", "значения"],
    })
    put("types/stream.pkl", b"".join(pickle.dumps(v, 4) for v in
                                     ({"part": 1}, [2, 2], "three pickles in one file")))
    put("types/persistent.pkl", persistent())
    copyreg.add_extension("shop", "Order", 7)
    put("types/extension.pkl", {"order": shop.Order(number=20)})
    copyreg.remove_extension("shop", "Order", 7)
    put("types/buffers.pkl", pickle.dumps(
        {"inside": bytearray(8), "outside": pickle.PickleBuffer(bytearray(16))}, 5,
        buffer_callback=lambda buffer: None))
    put("types/python2.pkl", python2())


# ---------------------------------------------------------------------- trouble and names

def text4(text):
    raw = text.encode()
    return b"\x8c" + bytes([len(raw)]) + raw


def trouble():
    put("trouble/empty.pkl", b"")
    whole = pickle.dumps({"first": list(range(50)), "second": {"kept": True}, "lost": "x" * 90}, 4)
    put("trouble/truncated.pkl", whole[:-60])
    put("trouble/wrong-opcode.pkl", b"\x80\x04]\x94(K\x01K\x02\xff\x03e.")
    put("trouble/data-after-the-end.pkl", pickle.dumps({"fine": True}, 4) + b"\0\0 and more")
    put("trouble/version-9.pkl", b"\x80\x09N.")
    # Unpickled by Python, this would run a command (a harmless one). Here it is only looked at.
    put("trouble/dangerous.pkl", b"\x80\x04}(" + text4("name") + text4("weights") + text4("hook") +
        text4("os") + text4("system") + b"\x93" + text4("echo a pickle can run commands") +
        b"\x85R" + text4("epochs") + b"K\x0au.")


def names():
    for number, name in enumerate((
            "with blank.pkl", "a+b.pkl", "100%.pkl", "a%20b.pkl", "a&b=c.pkl", "what?.pkl",
            "#1.pkl", "semi;colon,comma.pkl", "quote'and\"double.pkl", "[brackets] {braces}.pkl",
            "~tilde!$.pkl", "작업결과.pkl", "größe.pkl", "emoji 🥒.pkl", "no-suffix",
            "UPPER.PKL", "deep/er/and/deep/er.pkl", ".hidden.pkl")):
        put(f"odd names/{name}", {"key": name, "number": number})


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(
        os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "demo")
    for write in (my_bucket, protocols, types_bucket, trouble, names):
        write()
    for path, data in FILES.items():
        path = os.path.join(folder, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)


main()
