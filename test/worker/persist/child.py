# SPDX-License-Identifier: BSD-3-Clause
"""A process of the persist tests. As "A" it reads what to do from stdin (JSON: setup, cell, check, way, marshaller), and tells on
stdout what became of it; it makes the process "B", in which the cell runs, afresh or by a fork.

Code sees what transfer.py returned as SENT (in A), RECEIVED (in B) and APPLIED (in A); these are hidden names."""

import json
import os
import random
import subprocess
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))


def _memfd():
    return os.memfd_create("variables")


def _execute(code, name):
    exec(compile(code, name, "exec"), globals())


def _run_cell(received, cell, changes):
    globals()["RECEIVED"] = received
    status = 0
    try:
        _execute(cell, "<cell>")
    except BaseException:
        traceback.print_exc()
        status = 3
    sent = transfer.send_changes(received, globals(), changes, HIDDEN)
    return status, {"received": received.lost, "returned": sent.lost}


def _launch(job, changes):
    state = _memfd()
    globals()["SENT"] = transfer.send(globals(), state, HIDDEN, None, job["marshaller"])
    command = [sys.executable, os.path.abspath(__file__), "B", str(state), str(changes)]
    done = subprocess.run(command, input=job["cell"], stdout=subprocess.PIPE, text=True, pass_fds=(state, changes))
    if done.returncode != 0:
        sys.exit("B: %d" % done.returncode)
    return dict(json.loads(done.stdout), sent=SENT.lost)


def _fork(job, changes):
    reading, writing = os.pipe()
    state = random.getstate()
    child = os.fork()
    if child == 0:
        status = 4
        try:
            random.setstate(state)  # Python seeds a forked child anew
            status, told = _run_cell(transfer.baseline(globals(), HIDDEN, job["marshaller"]), job["cell"], changes)
            os.write(writing, json.dumps(told).encode())
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    if status != 0:
        sys.exit("B: %d" % status)
    with open(reading) as file:
        return dict(json.load(file), sent=[])


def _a():
    job = json.load(sys.stdin)
    _execute(job["setup"], "<setup>")
    changes = _memfd()
    told = (_launch if job["way"] == "launched" else _fork)(job, changes)
    globals()["APPLIED"] = transfer.apply_changes(changes, globals())
    _execute(job["check"], "<check>")
    told.update(changed=APPLIED.changed, deleted=APPLIED.deleted, lost=APPLIED.lost)
    print(json.dumps(told))


def _b():
    received = transfer.receive(int(sys.argv[2]), globals())
    status, told = _run_cell(received, sys.stdin.read(), int(sys.argv[3]))
    print(json.dumps(told))
    sys.exit(status)


sys.path.insert(0, os.path.dirname(HERE))
import package  # noqa: E402

del sys.path[0]
package.load()
from spk_worker.persist import transfer  # noqa: E402

SENT = RECEIVED = APPLIED = None
HIDDEN = set(globals()) | {"HIDDEN"}
if __name__ == "__main__":
    _a() if sys.argv[1:] == ["A"] else _b()
