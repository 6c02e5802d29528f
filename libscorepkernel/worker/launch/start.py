# SPDX-License-Identifier: BSD-3-Clause
"""How a process for a measured cell is started.

`python -m scorep` asks scorep-config eight times, compiles a library and starts Python twice. Here the process is
started right away with Score-P's libraries preloaded: scorep-config has been asked once, and nothing is compiled.
Score-P's constructor is left out, so that the process can be started ahead, and wait unmeasured for its cell. Where
that does not work, `python -m scorep` is used after all.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any, Dict, List, Optional

from ..base import places, process_variables, tracer
from ..base.errors import NotMeasured, Unusable
from ..measure import binding_arguments, experiment_directory, installation
from ..measure.systems import score_p


def of_process(arguments_text: str, by_score_p: bool, simple: bool = False) -> Dict[str, Any]:
    """How a process for a cell is started, as WORKER_LAUNCH has it: its key (processes that are alike have the same),
    its command, its environment, and whether it can be started ahead. arguments_text: the bindings' arguments.
    by_score_p: with Score-P. simple: by `python -m scorep`, as the bindings do it. NotMeasured."""
    tracer.need()
    words = binding_arguments.parse(arguments_text)
    arguments, needs = list(words.for_scorep), words.at_start
    environment = {name: value for name, value in os.environ.items() if can_travel(value)}
    # What applies with the variables need not be there at the start.
    fixed = {name: value for name, value in environment.items() if needs or not name.startswith("SCOREP_")}
    environment[process_variables.RUNNER] = "1"
    config = installation.locate() if by_score_p else None
    preloaded = False
    if config and not simple:
        try:
            threads = [] if any(word.startswith("--thread=") for word in arguments) else ["--thread=pthread"]
            preloaded = _preload(environment, config, [*threads, *arguments])  # as the bindings have it
        except Unusable as problem:
            if needs:
                raise NotMeasured(
                    f"The cell was not run: {installation.refusal(config, arguments) or problem}. Correct the "
                    "arguments with %%scorep_python_binding_arguments; alone, it shows them, and - takes them back."
                ) from None
            config = None  # the process finds that out, too, and measures by itself
    command = _command(arguments if config and not preloaded else None)
    if config and (needs or not preloaded):
        # Score-P may begin before the cell's variables are there, and would choose a directory of its own. What is set
        # for that alone, the process takes out of its environment again: SET_FOR_START names it.
        environment.setdefault(process_variables.PRELOADED_VERSION, "")
        ours = {experiment_directory.VARIABLE: experiment_directory.new_name(), **score_p.DEFAULTS}
        environment[process_variables.SET_FOR_START] = " ".join(name for name in ours if name not in environment)
        environment = {**ours, **environment}
    return {
        "key": json.dumps([command, environment.get("LD_PRELOAD"), sorted(fixed.items())]),
        "argv": command,
        "environment": [f"{name}={value}" for name, value in environment.items()],
        # One that measures from its start cannot be started ahead.
        "ahead": int(bool(preloaded or not config) and not needs),
    }


def make_way(how: Dict[str, Any], warnings: List[str]) -> None:
    """Just before a process is started in this way: where Score-P begins with it, the experiment's name is free from
    now on, as Score-P would rename whatever has it. NotMeasured."""
    names = [pair.split("=", 1)[0] for pair in how["environment"]]
    if not how["ahead"] and process_variables.SET_FOR_START in names and os.environ.get(experiment_directory.VARIABLE):
        made = experiment_directory.make(True, warnings)
        how["environment"][names.index(experiment_directory.VARIABLE)] = f"{experiment_directory.VARIABLE}={made}"


def can_travel(value: str) -> bool:
    """Whether a variable's value can be given to a new process; others come with the notebook's variables."""
    try:
        return "\0" not in value and bool(value.encode() or True)
    except UnicodeEncodeError:
        return False


def _preload(environment: Dict[str, str], config: str, arguments: List[str]) -> bool:
    """Have Score-P loaded at the start. False: there is no place for what that needs."""
    try:
        preload, subsystems, version = installation.preloads(config, arguments)
    except OSError:
        return False
    before = environment.get("LD_PRELOAD", "")
    environment.update({process_variables.PRELOAD_BEFORE: before, "LD_PRELOAD": f"{before} {preload}".strip()})
    environment.update({process_variables.SUBSYSTEMS: subsystems, process_variables.PRELOADED_VERSION: version})
    return True


def _command(arguments: Optional[List[str]]) -> List[str]:
    """Python as a worker; by way of the bindings with these arguments, if there are any."""
    # What multiprocessing and the test suites of CPython use to start Python as it was started: there is no public one.
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    if arguments is not None:
        script = os.path.join(places.PACKAGE, "__main__.py")
        return [sys.executable, *flags, "-m", "scorep", "--noinstrumenter", *arguments, script]
    code = (
        f"import sys; sys.path.insert(0, {places.IMPORTED_FROM!r}); import spk_worker; del sys.path[0]; "
        "spk_worker.main()"
    )
    return [sys.executable, *flags, "-c", code]
