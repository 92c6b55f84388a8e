#!/usr/bin/python3
"""Compressed pickles and archives on the screen: the title says what it is, a save keeps it; an
archive of several files is a folder."""
import gzip
import os
import pickle
import sys
import zipfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from screens import NOW, Stage, main  # noqa: E402  pylint: disable=wrong-import-position

VALUE = {"name": "John", "age": 30}


def put(stage, name, data):
    path = stage.path("my-bucket/" + name)
    with open(path, "wb") as f:
        f.write(data)
    os.utime(path, (NOW - 60, NOW - 60))
    return path


def compressed():
    with Stage() as stage:
        path = put(stage, "data.pickle", gzip.compress(pickle.dumps(VALUE)))
        stage.run(
            """
            expect gzip
            expect John
            key j j e ^U
            type 31
            key Enter s
            expect gzip again
            expect bytes kept
            key y
            await Saved.
            """,
            ["demo/my-bucket/data.pickle"],
        )
        with gzip.open(path) as f:
            assert pickle.load(f) == {"name": "John", "age": 31}


def folder():
    with Stage() as stage:
        path = stage.path("my-bucket/many.zip")
        with zipfile.ZipFile(path, "w") as z:
            z.writestr("a.pkl", pickle.dumps(VALUE))
            z.writestr("d/b.pkl", pickle.dumps([1, "two"]))
        os.utime(path, (NOW - 60, NOW - 60))
        stage.run(
            """
            expect many.zip!/
            expect a.pkl
            expect d/
            key j Enter
            expect b.pkl
            key Enter
            expect two
            expect zip
            key h
            """,
            ["demo/my-bucket/many.zip"],
        )
        # Typed: as a folder, and a file in it; on the command line, too.
        for where in (["demo/my-bucket/"], ["demo/my-bucket/many.zip!/"]):
            stage.run(
                f"""
                key : ^U
                type {path}!/
                key Enter
                expect d/
                expect a.pkl
                key : ^U
                type {path}!/d/b.pkl
                key Enter
                expect two
                """,
                where,
                size=(24, 120),
            )


if __name__ == "__main__":
    sys.exit(main([compressed, folder]))
