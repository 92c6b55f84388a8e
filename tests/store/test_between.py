#!/usr/bin/python3
"""The record of John in every store at once: saved, fixed, copied from each to each, compared."""
import os
import pickle
import sys

import azure_rig
import gcs_rig
import s3_rig
from rig import TOP, Driver, run_table

sys.path.insert(0, os.path.join(TOP, "tests", "servers"))
from azure import Azure  # noqa: E402

RECORD = {"name": "John", "age": 30, "city": "New York"}
META = {"owner": "ops", "team": "a b"}


class Folder(Driver):
    """A folder, which keeps neither type nor metadata."""

    def __init__(self, tmp):
        self.tmp = self.bucket = os.path.join(tmp, "folder")
        os.mkdir(self.bucket)

    def url(self, key):
        return f"{self.bucket}/{key}"

    def put_with(self, key, body, *_):
        with open(self.url(key), "wb") as f:
            f.write(body)

    def get_with(self, key):
        with open(self.url(key), "rb") as f:
            return f.read(), None, None


class Everywhere:
    """All stores in one environment; the other rigs are the other sides."""

    def __init__(self):
        self.azure = Azure().start()
        self.s3, self.gs = s3_rig.Rig(), gcs_rig.Rig()
        self.az = azure_rig.Rig(self.azure.env)
        self.s3.s3.create_bucket(Bucket=self.s3.bucket)
        self.local = Folder(self.s3.tmp)
        self.stores = {"s3": self.s3, "gs": self.gs, "az": self.az, "local": self.local}
        self.proxy = self.s3.proxy

    def run(self, *words, **more):
        env = {**self.gs.environment(), **self.az.environment(), **self.s3.environment()}
        env["HOME"] = self.s3.tmp
        return self.s3.program(*words, **{**env, **more})

    def stop(self):
        self.s3.remove_bucket()
        self.azure.stop()
        self.gs.gcs.stop()
        for rig in (self.s3, self.gs, self.az):
            rig.proxy.stop()


def worked_example(every):
    """Found, shown, one value changed on condition, in each of them."""
    for rig in every.stores.values():
        where = rig.url("data.pickle")
        rig.put_with("data.pickle", pickle.dumps(RECORD), "application/x-pickle", META)
        assert "data.pickle\n" in every.run("ls", rig.url(""))
        assert every.run("show", where, ".age") == "30\n"
        every.run("set", where, ".age=31")
        body, content_type, meta = rig.get_with("data.pickle")
        assert pickle.loads(body) == dict(RECORD, age=31)
        assert len(body) == len(pickle.dumps(RECORD))
        assert content_type in (None, "application/x-pickle") and meta in (None, META)


def from_each_to_each(every):
    """Bytes, type and metadata go along; what has no counterpart is said; diff finds none, and one
    that is made."""
    for name, source in every.stores.items():
        source.put_with("from", pickle.dumps(RECORD), "application/x-pickle", META)
        for other, target in every.stores.items():
            if other == name:
                continue
            to = target.url(f"from-{name}")
            told = every.run("cp", source.url("from"), to, notes=True)
            body, content_type, meta = target.get_with(f"from-{name}")
            assert body == pickle.dumps(RECORD), (name, other)
            if "local" not in (name, other):
                assert content_type == "application/x-pickle" and meta == META, (name, other, meta)
            if other == "local":
                assert "owner" in told or "metadata" in told, told
            assert every.run("diff", source.url("from"), to) == ""
        every.run("set", to, ".age=31")
        assert every.run("diff", source.url("from"), to, status=1) == ""


TESTS = (worked_example, from_each_to_each)


def main():
    every = Everywhere()
    failed = run_table(every, TESTS)
    every.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
