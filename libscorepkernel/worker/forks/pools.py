# SPDX-License-Identifier: BSD-3-Clause
"""Pools of threads and of processes in a forked copy of the session that goes on. Their threads exist no more, and
their processes are the session's: what would wait for them for ever gets new ones, or says that it cannot work. None
of this imports anything: what has not been imported has no pools."""

from __future__ import annotations

import contextlib
import gc
import queue
import sys
import threading
from typing import Any, Dict, List

_GONE = "its threads or processes belonged to the process that the cell ended, and are gone with it"
_AGAIN = "Make a new one, and submit the work again."
_LOKY = ("joblib.externals.loky", "loky")


def renew() -> List[str]:
    """Called after the fork, in the copy that goes on: mend the pools. What the user is to be told."""
    texts: List[str] = []
    for repair in (_renew_gevent, _renew_trackers, _renew_monitor, _renew_reusable):
        with contextlib.suppress(Exception):  # another version of a library, in which things have other names
            repair()
    with contextlib.suppress(Exception):
        texts += _renew_executors()
    return texts


def _of(module: str, name: str) -> Any:
    return getattr(sys.modules.get(module), name, None)


def _renew_gevent() -> None:
    reinit = _of("gevent", "reinit")
    if reinit is not None:
        reinit()


def _renew_trackers() -> None:
    """Of shared memory and semaphores: multiprocessing's, and those of loky, which has its own."""
    for name, module in list(sys.modules.items()):
        tracker = getattr(module, "_resource_tracker", None) if name.endswith("resource_tracker") else None
        if tracker is not None:
            tracker._fd = tracker._pid = None  # it starts another one when it is needed


def _renew_monitor() -> None:
    """Have tqdm start its thread again, which it believes to be running."""
    bar = _of("tqdm.std", "tqdm")
    if bar is not None:
        bar.monitor = None


def _renew_reusable() -> None:
    """The pool of processes that joblib's Parallel uses again: the next one makes another."""
    for name in _LOKY:
        module: Any = sys.modules.get(name + ".reusable_executor")
        if module is not None:
            if module._executor is not None:
                _forget_manager(module._executor)  # it is freed with the next line
            module._executor = module._executor_kwargs = None
            module._executor_lock = threading.RLock()


# --- executors -------------------------------------------------------------------------------------------


def _renew_executors() -> List[str]:
    kinds = {
        _of("concurrent.futures._base", "Future"): _give_up_running,
        _of("concurrent.futures.thread", "ThreadPoolExecutor"): _renew_threads,
        _of("concurrent.futures.process", "ProcessPoolExecutor"): _break_executor,
        _of("multiprocessing.pool", "Pool"): _break_pool,
        **{_of(name + ".process_executor", "ProcessPoolExecutor"): _break_loky for name in _LOKY},
    }
    kinds.pop(None, None)
    broken: Dict[str, int] = {}
    # issubclass, as isinstance would ask each object for its class, which a dead proxy, for one, has not.
    for found in [each for each in gc.get_objects() if issubclass(type(each), tuple(kinds))]:
        for kind, repair in kinds.items():
            with contextlib.suppress(Exception):
                if issubclass(type(found), kind) and repair(found):
                    name = f"{type(found).__module__}.{type(found).__qualname__}"
                    broken[name] = broken.get(name, 0) + 1
    for module in ("concurrent.futures.process", *(name + ".process_executor" for name in _LOKY)):
        wakeups = _of(module, "_threads_wakeups")
        if wakeups is not None:
            wakeups.clear()  # of threads that are no more, and would be told of the interpreter's end
    return [f"{name} ({count}) does not work any more: {_GONE}. {_AGAIN}" for name, count in broken.items()]


def _give_up(future: Any) -> None:
    """Tell whoever waits for the pool's work that nobody will do it."""
    future._condition = threading.Condition()  # a thread that is no more may have held the other
    future.set_exception(RuntimeError(f"This work has no result: {_GONE}. Submit it again."))


def _give_up_all(items: Dict[Any, Any]) -> None:
    for work in list(items.values()):
        with contextlib.suppress(Exception):
            _give_up(work.future)


def _give_up_running(future: Any) -> bool:
    if future._state == "RUNNING":
        _give_up(future)
    return False


def _renew_threads(executor: Any) -> bool:
    """Have the pool start new threads. Work that no thread had begun waits for those."""
    old = executor._work_queue
    waiting: List[Any] = []
    with contextlib.suppress(queue.Empty):
        while True:
            waiting.append(old.get_nowait())
    executor._work_queue = queue.SimpleQueue()
    executor._idle_semaphore = threading.Semaphore(0)
    executor._shutdown_lock = threading.Lock()
    executor._threads.clear()
    for item in (each for each in waiting if each is not None):
        item.future._condition = threading.Condition()
        executor._work_queue.put(item)
        executor._adjust_thread_count()
    return False


def _forget_manager(executor: Any) -> None:
    """Of the thread that managed it: it would be woken, by a pipe that has no other end, as the executor is freed."""
    with contextlib.suppress(AttributeError):
        executor._executor_manager_thread_wakeup._closed = True
    with contextlib.suppress(AttributeError):
        executor._executor_manager_thread.executor_reference = lambda: None  # in the place of what calls back


def _break_executor(executor: Any) -> bool:
    if not executor._processes:
        return False  # it has not started any
    _forget_manager(executor)
    _give_up_all(executor._pending_work_items)
    executor._shutdown_lock = threading.Lock()
    executor._broken = f"This pool does not work any more: {_GONE}. {_AGAIN}"
    return True


def _break_loky(executor: Any) -> bool:
    _forget_manager(executor)
    _give_up_all(executor._pending_work_items)
    executor._flags.shutdown_lock = threading.RLock()
    executor._flags.broken = RuntimeError(f"This pool does not work any more: {_GONE}. {_AGAIN}")
    return False  # joblib makes another


def _break_pool(pool: Any) -> bool:
    """Have a pool of multiprocessing's say that it does not run."""
    if pool._state != "RUN":
        return False
    pool._state = "TERMINATE"
    for result in list(pool._cache.values()):
        with contextlib.suppress(Exception):
            result._set(0, (False, RuntimeError(f"This work has no result: {_GONE}. Submit it again.")))
    return True
