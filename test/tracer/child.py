# SPDX-License-Identifier: BSD-3-Clause
"""Runs one driver under the tracer, in a process of its own: `child.py DIRECTORY < driver`. What the driver passes to
report() goes to standard output as JSON. Everything of ours is `own` to the tracer, as the worker is in a kernel."""

import json
import os
import site
import sys
import sysconfig

sys.path.insert(0, os.environ["TRACER_MODULE"])
import _tracer as tracer  # noqa: E402

DIRECTORY = sys.argv[1]
OWN = (os.path.abspath(__file__), "<driver>", "<own")
LIBRARY = (sysconfig.get_path("stdlib"), *site.getsitepackages(), "<library")
reports = []


def begin(name="1", **options):
    directory = os.path.join(DIRECTORY, name)
    os.makedirs(directory, exist_ok=True)
    tracer.begin(directory, cell="<cell>", own=OWN, library=LIBRARY, **options)


def load(source, filename, **names):
    """Code with a file name of one's choice; its names."""
    names.setdefault("__name__", "loaded")
    exec(compile(source, filename, "exec"), names)
    return names


def new_names():
    return {"__name__": "__main__", "tracer": tracer}


def run(source, names=None):
    """As the kernel runs a cell: recording is on around exec alone."""
    names = new_names() if names is None else names
    code = compile(source, "<cell>", "exec")
    tracer.start()
    try:
        exec(code, names)
    finally:
        tracer.stop()
    return names


def measure(source, name="1", **options):
    begin(name, **options)
    names = run(source)
    report(tracer.end())
    return names


def report(value):
    reports.append(value)


def main():
    driver = sys.stdin.read()
    try:
        exec(compile(driver, "<driver>", "exec"), globals())
    finally:
        sys.stdout.write(json.dumps(reports))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
