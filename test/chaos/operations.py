# SPDX-License-Identifier: BSD-3-Clause
"""What a round of the chaos test does, and what it does against that. All is drawn from the round's random numbers, so
that the same seed draws the same again."""

from __future__ import annotations

import random
import signal
from typing import List, NamedTuple

# Each cell that ends well makes count one more. `on` says that it runs.
DEFINITIONS = """
import ctypes, os, signal, subprocess, sys, threading, time
from multiprocessing import shared_memory
count = 0
held = {"list": list(range(1000)), "text": "x" * 10_000}
class Thing:
    def __getstate__(self): return dict(self.__dict__)
held["thing"] = Thing()
def leaf(n): return n
def work(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end: leaf(1)
"""
SCOREP = "%%execute_with_scorep"
WORK = "print('on', flush=True); work({seconds}); count += 1"


class Operation(NamedTuple):
    """kind: "cell", "queue" (of such), "input", "endless", "request" or "restart". settings: a cell that comes before, or nothing."""

    name: str
    kind: str
    code: str = ""
    settings: str = ""


class Fault(NamedTuple):
    """A signal to a process of that role, so many seconds after the operation's begin (before it, if negative)."""

    role: str
    signal: int
    delay: float
    stopped: float  # seconds until SIGCONT

    def __str__(self) -> str:
        name = signal.Signals(self.signal).name
        more = f", SIGCONT after {self.stopped:.2f} s" if self.signal == signal.SIGSTOP else ""
        return f"{name} to {self.role} at {self.delay:.2f} s{more}"


def _way(process: str, mode: str = "memory") -> str:
    return f"%%marshalling_settings PROCESS={process} MODE={mode}"


def draw_operation(numbers: random.Random, with_ranks: bool) -> Operation:
    """What is done."""
    work = WORK.format(seconds=round(numbers.choice([0, numbers.uniform(0, 0.6)]), 3))
    mode = numbers.choice(["memory", "disk"])
    measured = [
        Operation("measured", "cell", f"{SCOREP} --no-guard\n{work}", _way("session")),
        Operation("guarded", "cell", f"{SCOREP} --guard\n{work}", _way("session")),
        Operation("launched", "cell", f"{SCOREP}\n{work}", _way("launch", mode)),
        Operation("forked", "cell", f"{SCOREP}\n{work}", _way("forked", mode)),
    ]
    others = [
        Operation("ordinary", "cell", work),
        Operation("printing", "cell", f"for i in range(2000): print(i, 'x' * 100)\n{work}"),
        Operation("children", "cell", f"children = [subprocess.Popen(['sleep', '600']) for _ in range(2)]\n{work}"),
        Operation("threads", "cell", f"t = threading.Thread(target=work, args=(0.2,)); t.start()\n{work}"),
        Operation("shared memory", "cell", f"segment = shared_memory.SharedMemory(NAME, True, 4096)\n{work}"),
        Operation("error", "cell", f"{work}; count -= 1; 1/0"),
        Operation("ends itself", "cell", f"{SCOREP} {numbers.choice(['--guard', '--no-guard'])}\n{work}; os._exit(3)", _way("session")),
        Operation("queue", "queue", work),
        Operation("queue measured", "queue", f"{SCOREP} {numbers.choice(['--guard', '--no-guard'])}\n{work}", _way("session")),
        Operation("queue launched", "queue", f"{SCOREP}\n{work}", _way("launch", mode)),
        Operation("input", "input", f"print('on', flush=True); answer = input('?'); {work}"),
        Operation("restart", "restart"),
        Operation("endless", "endless", "print('on', flush=True)\nwhile True: time.sleep(0.01)"),
        Operation("endless measured", "endless", f"{SCOREP}\nprint('on', flush=True)\nwhile True: leaf(1)", _way("auto")),
        Operation("endless launched", "endless", f"{SCOREP}\nprint('on', flush=True)\nwhile True: leaf(1)", _way("launch", mode)),
    ]
    requests = [Operation(name, "request") for name in ("complete", "inspect", "is_complete", "history", "comm_info", "comm_open")]
    if with_ranks and numbers.random() < 0.15:
        return Operation("ranks", "cell", f"{SCOREP} --ranks 2\n{work}", _way("auto", mode))
    return numbers.choice([*measured, *measured, *others, numbers.choice(requests), numbers.choice(requests)])


SIGNALS = "KILL KILL KILL TERM INT HUP SEGV ABRT QUIT USR1 STOP STOP PIPE".split()


def draw_faults(numbers: random.Random, operation: Operation) -> List[Fault]:
    """What is done against it: mostly one thing, often at about the same time as another."""
    faults: List[Fault] = []
    for chance in (0.8, 0.25, 0.25):
        if numbers.random() > chance:
            break
        near = faults[-1].delay + numbers.choice([0, 0.01, 0.05]) if faults else numbers.uniform(-0.1, 0.6)
        faults.append(_draw_fault(numbers, operation, round(near, 3)))
    return faults


def _draw_fault(numbers: random.Random, operation: Operation, delay: float) -> Fault:
    roles: List[str] = ["session"] * 4 + ["others"] * 4 + ["keeper", "host", "copy", "child"]
    if operation.name == "ranks":
        roles += ["job", "relay", "rank", "child"] * 3
    number = signal.Signals[f"SIG{numbers.choice(SIGNALS)}"]
    return Fault(numbers.choice(roles), number, delay, round(numbers.uniform(0.1, 0.8), 2))
