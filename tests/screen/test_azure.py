#!/usr/bin/python3
"""The screen on Azure Blob Storage: places, the whole path, somebody else is faster, snapshots."""
import os
import pickle
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from screens import TOP, Stage, main  # noqa: E402  pylint: disable=wrong-import-position

sys.path.insert(0, os.path.join(TOP, "tests", "store"))
from azure_rig import Client, NoServer, azurite  # noqa: E402  pylint: disable=wrong-import-position

RECORD = {"name": "John", "age": 30, "city": "New York"}
SERVER = {}                                     # the settings of the one that runs


class Azure:
    """A new container with the record in it."""

    count = 0

    def __enter__(self):
        self.azure = Client(SERVER)
        Azure.count += 1
        self.container = f"container{Azure.count}"
        self.azure.call("PUT", self.container, {"restype": "container"})
        self.put(RECORD)
        return self

    def __exit__(self, *_):
        self.azure.call("DELETE", self.container, {"restype": "container"})

    def put(self, value):
        more = {"x-ms-blob-type": "BlockBlob", "x-ms-meta-owner": "ops", "x-ms-tags": "team=a%20b",
                "x-ms-blob-content-type": "application/x-pickle"}
        self.azure.call("PUT", f"{self.container}/data.pickle", None, more, pickle.dumps(value))

    def get(self):
        return self.azure.call("GET", f"{self.container}/data.pickle")

    def where(self):
        return f"az://{SERVER['ACCOUNT']}/{self.container}/data.pickle"

    def run(self, script, where, size=(24, 100), outside=None, **env):
        account, key = SERVER["ACCOUNT"], SERVER["ACCOUNT_KEY"]
        connection = (f"AccountName={account};AccountKey={key};"
                      f"BlobEndpoint={SERVER['ENDPOINT']}/{account}")
        with Stage(samples=False) as stage:
            if outside:
                script = script.replace("OUTSIDE", stage.meanwhile(outside))
            return stage.run(script, where=where, size=size, env={
                "PKLBROWSE_NOW": None, "AZURE_STORAGE_CONNECTION_STRING": connection, **env})


def the_whole_path():
    with Azure() as azure:
        before = azure.get().body
        azure.run(f"""
            expect azure  devstoreaccount1 · key
            expect-not Eby8
            key G Enter
            expect {azure.container}
            key Enter
            expect data.pickle
            key Enter
            expect 'John'
            expect azure · devstoreaccount1 · key
            key i
            expect x-ms-meta-owner
            expect team = a b
            key i
            key j j
            expect ['age']
            key e ^U
            type 31
            key Enter
            expect was 30
            key s
            expect 1 change
            key Enter
            expect Saved. ETag
            expect-not unsaved
            key R
            expect 31
        """, where=[], size=(40, 120))
        now = azure.get()
        assert pickle.loads(now.body) == dict(RECORD, age=31)
        assert sum(a != b for a, b in zip(now.body, before)) == 1 and len(now.body) == len(before)
        assert now.headers["content-type"] == "application/x-pickle"
        assert now.headers["x-ms-meta-owner"] == "ops" and now.headers["x-ms-tag-count"] == "1"


EDIT = """
    key j j e ^U
    type 31
    key Enter
    OUTSIDE
    key s
    key Enter
    expect the object changed while you were editing
"""


def mine_on_theirs():
    with Azure() as azure:
        theirs = dict(RECORD, city="Paris")
        azure.run(EDIT + """
            key Esc
            expect 1 unsaved
            key s Enter
            expect Put my changes on theirs
            key Enter
            expect Your changes are on what someone else saved
            key Enter
            expect Saved.
            expect Paris
        """, where=[azure.where()], outside=lambda: azure.put(theirs))
        assert pickle.loads(azure.get().body) == dict(theirs, age=31)


def snapshots():
    with Azure() as azure:
        azure.azure.call("PUT", f"{azure.container}/data.pickle", {"comp": "snapshot"})
        azure.put(dict(RECORD, age=31))
        azure.run("""
            expect 31
            key v
            expect 1 of 2
            key j Enter
            expect int 30
            key v j b y
            expect Brought back.
        """, where=[azure.where()])
        assert pickle.loads(azure.get().body) == RECORD


def leased():
    with Azure() as azure:
        azure.azure.call("PUT", f"{azure.container}/data.pickle", {"comp": "lease"},
                         {"x-ms-lease-action": "acquire", "x-ms-lease-duration": -1})
        azure.run("""
            expect 'John'
            expect read-only
            key j j e
            expect somebody has leased it
        """, where=[azure.where()])
        azure.azure.call("PUT", f"{azure.container}/data.pickle", {"comp": "lease"},
                         {"x-ms-lease-action": "break", "x-ms-lease-break-period": 0})


def refusals():
    with Azure() as azure:
        azure.run("expect there is no such container", where=["az://devstoreaccount1/nowhere/"],
                  size=(24, 120))
        azure.run("expect account devstoreaccount1, not of another",
                  where=["az://another/container/"], size=(24, 140))


if __name__ == "__main__":
    try:
        with azurite() as env:
            SERVER.update(env)
            status = main([the_whole_path, mine_on_theirs, snapshots, leased, refusals])
    except NoServer as why:
        print(f"skipped: {why}\n0 passed, 0 failed, 1 skipped")
        status = 0
    sys.exit(status)
