#!/usr/bin/python3
"""The committed sample buckets are what make_demo.py writes, byte for byte, and stay small."""
import os
import pickle
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
DEMO = os.path.join(HERE, "..", "..", "docs", "demo")
LIMIT = 300_000


def tree(folder):
    found = {}
    for base, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(base, name)
            with open(path, "rb") as f:
                found[os.path.relpath(path, folder)] = f.read()
    return found


def main():
    with tempfile.TemporaryDirectory() as folder:
        # hashes of str differ from run to run; the files must not
        env = dict(os.environ, PYTHONHASHSEED="random")
        subprocess.run([sys.executable, os.path.join(HERE, "make_demo.py"), folder], check=True,
                       env=env)
        made = tree(folder)
    kept = tree(DEMO)
    faults = [f"{p}: not in docs/demo" for p in made if p not in kept]
    faults += [f"{p}: in docs/demo, but make_demo.py does not write it" for p in kept
               if p not in made]
    faults += [f"{p}: differs from what make_demo.py writes" for p in made
               if p in kept and made[p] != kept[p]]
    passed = len(set(made) & set(kept)) - sum("differs" in f for f in faults)
    first = pickle.dumps({"name": "John", "age": 30, "city": "New York"})
    if made.get("my-bucket/data.pickle") != first:
        faults.append("my-bucket/data.pickle is not the example of the manual")
    size = sum(map(len, kept.values()))
    if size > LIMIT:
        faults.append(f"docs/demo has {size} bytes, {LIMIT} are allowed")
    print("\n".join(faults), end="\n" if faults else "")
    print(f"{passed + 2 - sum('demo has' in f or 'manual' in f for f in faults)} passed, "
          f"{len(faults)} failed")
    return 1 if faults else 0


sys.exit(main())
