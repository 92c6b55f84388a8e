#!/usr/bin/python3
"""Local folders: what every store does, as far as a folder can."""
import os
import sys

from behaviours import conflicts, odd_keys, one_byte_of_a_pickle, reading, worked_example
from rig import Driver, run_table


class NoProxy:
    """There is nothing between us and a folder."""

    def clear(self):
        pass


class Rig(Driver):
    WORDS = ("--local",)
    CHECKED = True
    NO_ETAG = "1-2-3"

    def __init__(self):
        self.tmp = os.environ.get("TEST_TMP") or os.getcwd()
        self.bucket = os.path.join(self.tmp, "folder")
        self.proxy = NoProxy()
        os.mkdir(self.bucket)

    def url(self, key):
        return f"{self.bucket}/{key}"

    def put(self, key, body):
        os.makedirs(os.path.dirname(self.url(key)), exist_ok=True)
        with open(self.url(key), "wb") as f:
            f.write(body)

    def get(self, key):
        with open(self.url(key), "rb") as f:
            return f.read()

    def put_with(self, key, body, *_):
        self.put(key, body)

    def get_with(self, key):
        """A file has neither type nor metadata to lose."""
        return self.get(key), "application/x-pickle", {"team": "a b"}

    def takes(self, key):
        """What is a path, and not too long a name in it."""
        return all(part not in ("", ".", "..") and len(part.encode()) < 256
                   for part in key.split("/")) and key.count("/") < 100

    def environment(self, **more):
        return {**self.base_environment(), **more}


TESTS = (odd_keys, reading, conflicts, one_byte_of_a_pickle, worked_example)

if __name__ == "__main__":
    sys.exit(1 if run_table(Rig(), TESTS) else 0)
