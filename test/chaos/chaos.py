#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Chaos: rounds of random operations, with random signals to random processes at random moments. After each: a reply or
a word, and a right next cell, in the same session or in a new one; at the end nothing is left.

Environment: ROUNDS (200), SEED (random), FROM (the first round, 0), SYSTEM (built-in or scorep), VERBOSE=1."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import threading
import time
from typing import Any, Dict, List, Optional, Set

import machine
import operations
from client import TREE, Dead, Kernel, Silent  # noqa: F401

REPLY = 60.0  # seconds until a round's reply; a loaded machine takes a few
QUEUE = 3  # cells at once
_FATAL = (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT)
_WORDS = ("session", "process", "kernel", "ended", "interrupt", "not run")


class Wrong(Exception):
    """A finding."""


class Chaos:
    """The rounds of one seed."""

    def __init__(self, seed: int, system: str, verbose: bool) -> None:
        self.seed, self.system, self.verbose = seed, system, verbose
        self.mark = f"chaos-{os.getpid()}-{seed}"
        self.with_ranks = system == "built-in" and bool(shutil.which("mpirun"))
        self.findings: List[str] = []
        self._kernel: Optional[Kernel] = None
        self._session = 0
        self._counts = {0}  # what the variable may be
        self._round = 0
        self._has_fault = False
        self._hit: List[int] = []
        self._descriptors = 0  # of the host, with its first session
        self._excused: Set[str] = set()  # what is nobody's to tidy up after this kernel, by words in it

    def run(self, first: int, rounds: int) -> None:
        """All rounds, and the end."""
        for number in range(first, first + rounds):
            self._round = number
            numbers = random.Random(f"{self.seed}:{number}")
            operation = operations.draw_operation(numbers, self.with_ranks)
            self._one(operation, operations.draw_faults(numbers, operation))
        self._end_kernel("the end")

    def _one(self, operation: operations.Operation, faults: List[operations.Fault]) -> None:
        began = time.monotonic()
        what = f"round {self._round}: {operation.name}, {'; '.join(map(str, faults)) or 'no fault'}"
        self._has_fault, self._hit = bool(faults), []
        if faults and operation.name == "ranks":
            self._excused.add("ompi.")  # a directory of mpirun's, which may have been killed
        if faults and self.system == "scorep":
            self._excused.add("TMPDIR: scorep.")  # where `python -m scorep` compiles, which is the second way of a launch
        try:
            self._prepare(operation)
            self._attempt(operation, faults)
        except Wrong as problem:
            self._found(what, str(problem))
        except Silent as problem:
            self._found(what, f"{problem}\n{self._picture()}")
            self.clean()
        if self.verbose:
            print(f"{what} (hit {self._hit}): {time.monotonic() - began:.1f} s", flush=True)

    def _found(self, what: str, problem: str) -> None:
        again = f"make chaos SEED={self.seed} FROM={self._round} ROUNDS=1 SYSTEM={self.system}"
        self.findings.append(f"{what}: {problem}")
        print(f"FAILED {what}: {problem}\n  again: {again}", flush=True)

    # --- the kernel -------------------------------------------------------------------------------------

    @property
    def kernel(self) -> Kernel:
        if self._kernel is None:
            self._kernel = Kernel(self.mark, self.system)
        return self._kernel

    def _prepare(self, operation: operations.Operation) -> None:
        """A session with all that cells need."""
        try:
            if self._session == 0:
                self._cell(operations.DEFINITIONS)
                self._look()
                self._watch_descriptors()
            if operation.settings:
                self._cell(operation.settings)
        except Dead:
            raise Wrong("the host ended without a fault") from None

    def _watch_descriptors(self) -> None:
        """The host has about as many descriptors with each session as it had with the first one."""
        now = self.kernel.descriptors()
        self._descriptors = self._descriptors or now
        if now > self._descriptors + 10:
            before, self._descriptors = self._descriptors, now
            raise Wrong(f"the host has {now} descriptors, and had {before}")

    def _cell(self, code: str) -> dict:
        request = self.kernel.kc.execute(code, allow_stdin=False)
        reply = self.kernel.reply(request, REPLY)
        if reply["status"] != "ok":
            self._session, self._counts = 0, {0}
            raise Wrong(f"a cell without a fault failed: {reply.get('ename')}: {reply.get('evalue')}")
        return reply

    def _look(self) -> None:
        """See where the session is; Wrong: its variable is not what it may be."""
        request = self.kernel.kc.execute("import os; (os.getpid(), globals().get('count'))", allow_stdin=False)
        reply = self.kernel.reply(request, REPLY)
        if reply["status"] != "ok":
            raise Wrong(f"the next cell failed: {reply.get('ename')}: {reply.get('evalue')}")
        own = [m["content"] for m in self.kernel.messages if m["parent_header"].get("msg_id") == request]
        session, count = eval(next(content["data"]["text/plain"] for content in own if "data" in content))
        if count is None:
            self._session = 0
            self._counts = {0}
            return
        self._session = session
        if count not in self._counts:
            allowed, self._counts = self._counts, {count}
            raise Wrong(f"count is {count}, and may be {sorted(allowed)}")
        self._counts = {count}

    def _end_kernel(self, why: str) -> None:
        if self._kernel is not None:
            kernel, self._kernel, self._session, self._descriptors = self._kernel, None, 0, 0
            self._counts = {0}
            for one in kernel.end(self.mark):
                if not any(word in one for word in self._excused):
                    self._found(f"round {self._round}, after {why}", one)
            self._excused = set()
            for pid in machine.processes(self.mark):
                _send(pid, signal.SIGKILL)

    def clean(self) -> None:
        """After a kernel that does not answer: what it leaves now says nothing more."""
        for _ in range(50):
            there = machine.processes(self.mark)
            if not there:
                break
            for pid in there:
                _send(pid, signal.SIGKILL)
            time.sleep(0.05)
        if self._kernel is not None:
            self._kernel.end(self.mark)
        for name in machine.shared(self.mark):
            os.unlink(os.path.join("/dev/shm", name))
        self._kernel, self._session, self._counts, self._descriptors = None, 0, {0}, 0

    def _picture(self) -> str:
        """What there is when a kernel does not answer."""
        lines = []
        for pid, one in machine.processes(self.mark).items():
            where = ""
            try:
                with open(f"/proc/{pid}/wchan") as file:
                    where = file.read()
            except OSError:
                pass
            lines.append(f"    {pid} of {one.parent} ({one.state} {where}): {' '.join(one.command)[:120]}")
        said = self._kernel.said()[-600:] if self._kernel else ""
        log = self._kernel.log()[-600:] if self._kernel else ""
        return "\n".join([*lines, f"    said: {said}", f"    log: {log}"])

    # --- a round ----------------------------------------------------------------------------------------

    def _attempt(self, operation: operations.Operation, faults: List[operations.Fault]) -> None:
        kernel, before, session = self.kernel, set(self._counts), self._session
        kernel.messages.clear()
        threads = [threading.Thread(target=self._strike, args=(one, kernel.host, session)) for one in faults]
        for thread, fault in zip(threads, faults):
            thread.start()
            if fault.delay < 0:
                thread.join()
        reply: Dict[str, Any] = {}
        dead = False
        try:
            reply = self._do(operation)
        except Dead:
            dead = True
        finally:
            for thread in threads:
                thread.join()
        if dead or not self._is_there():
            if not self._has_fault:
                raise Wrong("the host ended without a fault")
            self._end_kernel(f"the host's end by {'; '.join(map(str, faults))}")
            return
        self._check(operation, reply, before, session)

    def _is_there(self) -> bool:
        """Whether the host is: one that was sent a signal is given a moment to end by it."""
        if self.kernel.host in self._hit:
            end = time.monotonic() + 0.3
            while self.kernel.is_alive() and time.monotonic() < end:
                self.kernel.pump()
        return self.kernel.is_alive()

    def _check(self, operation: operations.Operation, reply: dict, before: set, session: int) -> None:
        sure = reply["status"] == "ok" and operation.kind in ("cell", "input")
        counts = {count + 1 for count in before}
        if not sure:
            most = QUEUE if operation.kind == "queue" else 1
            counts = {count + more for count in before for more in range(most + 1)}
        if reply["status"] == "error" and not (reply.get("ename") or reply.get("evalue")):
            raise Wrong(f"an error without a word: {reply}")
        if not self._has_fault and operation.name not in ("error", "ends itself", "restart") and operation.kind != "endless":
            if reply["status"] in ("error", "aborted"):
                self._counts = counts
                self._look_again(session, reply, operation)
                raise Wrong(f"it failed without a fault: {reply.get('ename')}: {reply.get('evalue')}")
        self._counts = counts
        self._look_again(session, reply, operation)

    def _look_again(self, session: int, reply: dict, operation: operations.Operation) -> None:
        said = f"{reply.get('ename', '')} {reply.get('evalue', '')} {self.kernel.said()}"
        try:
            self._look_twice()
        except Dead:
            if not self._has_fault:
                raise Wrong("the host ended without a fault") from None
            self._end_kernel("the host's late end")
            return
        if self._session != session and operation.kind != "restart":
            said += self.kernel.said()
            if not any(word in said.lower() for word in _WORDS):
                raise Wrong(f"the session is another one, and nobody has said so: {said[-300:]!r}")

    def _look_twice(self) -> None:
        """The process that a late signal ends may do so in the next cell, which then says it."""
        try:
            self._look()
        except Wrong:
            if not self._has_fault:
                raise
            self._counts |= {0}
            self._look()

    def _do(self, operation: operations.Operation) -> dict:
        kernel = self.kernel
        if operation.kind == "restart":
            return self._restart()
        if operation.kind == "queue":
            requests = [kernel.kc.execute(operation.code, allow_stdin=False) for _ in range(QUEUE)]
            return [kernel.reply(request, REPLY) for request in requests][0]
        if operation.kind == "request":
            return kernel.reply(self._request(operation.name), REPLY)
        code = operation.code.replace("NAME", repr(f"{self.mark}-{self._round}"))
        request = kernel.kc.execute(code, allow_stdin=operation.kind == "input")
        if operation.kind != "endless":
            return kernel.reply(request, REPLY, answer=lambda: "yes")
        interrupts: List[float] = []

        def interrupt() -> None:
            due = not interrupts or time.monotonic() > interrupts[-1] + 2
            if due and "on\n" in kernel.said(request) and kernel.is_alive():
                interrupts.append(time.monotonic())
                kernel.km.interrupt_kernel()

        return kernel.reply(request, REPLY, meanwhile=interrupt)

    def _restart(self) -> dict:
        kernel = self.kernel
        kernel.disconnect()
        kernel.km.restart_kernel(now=False)
        kernel.connect()
        return {"status": "ok"}

    def _request(self, name: str) -> str:
        kc = self.kernel.kc
        ask = {"complete": lambda: kc.complete("os.get"), "inspect": lambda: kc.inspect("os.getcwd"),
               "is_complete": lambda: kc.is_complete("for i in x:"), "history": lambda: kc.history(hist_access_type="tail", n=3),
               "comm_info": lambda: kc.comm_info()}
        if name in ask:
            return ask[name]()
        # A comm is answered by nothing but its status: so something that is answered comes after it.
        message = kc.session.msg("comm_open", {"comm_id": "c", "target_name": "nobody", "data": {}})
        kc.session.send(kc.shell_channel.socket, message)
        return kc.is_complete("1")

    def _strike(self, fault: operations.Fault, host: int, session: int) -> None:
        """The fault, in a thread of its own."""
        time.sleep(max(fault.delay, 0))  # the moment is what is random here
        roles = machine.roles(self.mark, host, session)
        there = sorted(roles.get(fault.role) or roles.get("others") or roles.get("session") or [])
        if not there:
            return
        pid = there[self._round % len(there)]
        self._hit.append(pid)
        if fault.role == "keeper":
            self._excused.add("sleep 600")  # which cells started: it is the keeper that would end them
        _send(pid, fault.signal)
        if fault.signal == signal.SIGSTOP:
            time.sleep(fault.stopped)
            _send(pid, signal.SIGCONT)
        elif fault.signal in _FATAL:
            machine.await_end(pid)  # a process that is dumped ends later than it is struck: not in the next round


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def main() -> int:
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**6))
    rounds, first = int(os.environ.get("ROUNDS") or 200), int(os.environ.get("FROM") or 0)
    system = os.environ.get("SYSTEM") or ("scorep" if seed % 2 and shutil.which("scorep-config") else "built-in")
    print(f"SEED={seed} FROM={first} ROUNDS={rounds} SYSTEM={system}", flush=True)
    chaos = Chaos(seed, system, bool(os.environ.get("VERBOSE")))
    began = time.monotonic()
    try:
        chaos.run(first, rounds)
    finally:
        chaos.clean()
    print(f"{rounds} rounds in {time.monotonic() - began:.0f} s: {len(chaos.findings)} findings (SEED={seed})", flush=True)
    return 1 if chaos.findings else 0


if __name__ == "__main__":
    sys.exit(main())
