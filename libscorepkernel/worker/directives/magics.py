# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's directives as magics of IPython's: so that they complete with Tab and explain themselves with `?`. What
they do is done by the library, which reads them before a cell comes here; one that comes here stands in the wrong
place."""

from __future__ import annotations

import importlib
from typing import Any, Callable

from IPython.core.error import UsageError

# What nobody imports, but runs as a program.
_DOCTOR = f"{__name__.partition('.')[0]}.doctor.command"


def execute_with_scorep(line: str, cell: str = "") -> None:
    """Measure this cell.

    ::

        %%execute_with_scorep [--guard | --no-guard] [--repeat N] [--ranks N] [--gather NAMES]
        result = solve(grid)

    The cell runs in the notebook's session, with its variables, and leaves its own behind, like any other cell. It runs
    under Score-P where there is one (scorep-config on PATH), else under the built-in tracer; SCOREPKERNEL_MEASUREMENT =
    scorep or built-in decides. Under the cell you find where the time went. Beside the notebook (or where
    SCOREP_EXPERIMENT_DIRECTORY says) lies its experiment directory, with an OTF2 trace (traces.otf2) that Vampir and
    the OTF2 tools open, with Score-P also a profile (profile.cubex) for Cube, the cell's source (cell.py) and a
    record of how it was measured (scorepkernel.json).

    Score-P reads its SCOREP_ variables at the beginning of each measured cell: set them with %env or os.environ.
    Tracing is on unless SCOREP_ENABLE_TRACING says otherwise.

    --guard: keep a copy of the session while the cell runs. Should the cell end the session (a crash in C code, kill
    -9, os._exit), the copy goes on in its place, with the variables as before the cell. Each page of memory that the
    cell writes is copied then, which slows it. --no-guard: do not. Without either, the session is guarded where that
    slows the cell by at most SCOREPKERNEL_GUARD_BUDGET milliseconds (20).

    --repeat N: measure the cell N times, into N experiments, and report medians and spread. What the cell changes, it
    changes N times.

    --ranks N: run the cell as N MPI processes, under one measurement with one experiment. Each rank starts with the
    notebook's variables. What they print is labelled by rank ([0], [1-3]), and shown once where it is equal. Afterwards
    rank 0's variables come back. An error in one rank ends the others, and its traceback is shown. They are started by
    srun within a Slurm allocation (SLURM_JOB_ID), else by mpirun or mpiexec, or by what %%scorep_launcher says. It does
    not go with --repeat: repeat inside the cell's code, or run the cell again.

    --gather NAMES: names with commas and no blanks between them; may be repeated. Each comes back as a list, with one
    item for each rank.

    The directive stands in the cell's first line that is neither blank nor a comment.
    """


def marshalling_settings(line: str, cell: str = "") -> None:
    """Say where measured cells run, and how their variables get there.

    ::

        %%marshalling_settings PROCESS=launch MODE=memory MARSHALLER=cloudpickle

    PROCESS=auto: in the session, unless something needs another way; each report says which, and why. PROCESS=session:
    in the session. PROCESS=launch: each in a fresh process that Score-P has been with from its start. PROCESS=forked:
    in a forked copy of the session. From a launched or forked cell, what it changed comes back; what cannot travel
    (generators, sockets, locks ...) is named, and the session keeps what it had.

    MODE=memory or disk: how variables travel. By disk they lie in SCOREP_JUPYTER_PERSISTENCE_DIR, which is made, or
    in the system's directory for temporary files.

    MARSHALLER: the module that makes bytes of them. cloudpickle is the default. dill takes more, as locks and open
    files, and is slower. pickle is Python's own. All three take functions and classes of the notebook. Any other
    module that has dump and load, or dumps and loads, as parallel_marshall: it is given variables that share
    objects as a whole; arrays that share memory, open files, and what of the notebook it would take by name only,
    are named and do not travel. A module that is not there is pointed out, and so is an unknown MODE: the one
    before stays. SERIALIZER is MARSHALLER's older name, %%serializer_settings this directive's. In the session
    itself nothing is marshalled.

    SCOREP_JUPYTER_MARSHALLING_DETAILED_REPORT=1 (%env) has each such cell followed by what its variables took to get
    there and back, and which were the largest. SCOREP_JUPYTER_DISABLE_PROCESSING_ANIMATIONS is not needed: nothing is
    animated here.

    Keys may stand in the directive's line and in those after it. Without any, shows the settings in force.
    """


def scorep_python_binding_arguments(line: str, cell: str = "") -> None:
    """Set the arguments that Score-P's Python bindings would get (`python -m scorep ARGUMENTS`).

    ::

        %%scorep_python_binding_arguments
        --noinstrumenter --instrumenter-file=hooks.py

    --noinstrumenter, --nopython: record functions only where the code says so, with scorep.instrumenter.enable().
    --instrumenter-file=FILE: run this Python file before each measured cell, unmeasured: to instrument modules.
    --instrumenter-type=dummy: record nothing. profile, trace, cProfile and cTrace are the same here.
    --verbose, -v: say by what, how and where each cell is measured. --keep-files: there are none to keep.
    --thread=, --mpp=, --io=, --memory= ...: what scorep-config takes. What must be there when a process starts has
    measured cells launched; the built-in tracer has none of it.

    They are looked at now: what cannot be obeyed is refused. Without arguments, shows those in force; - takes them
    back.
    """


def scorep_launcher(line: str, cell: str = "") -> None:
    """Set the command that starts measured cells as ranks.

    ::

        %%scorep_launcher mpirun --hostfile hosts
        %%scorep_launcher srun -N 2
        %%scorep_launcher salloc -N 2 srun
        %%scorep_launcher sbatch --partition=short

    Measured cells are started by it from here on, also without --ranks: its own options say how many ranks there are.
    --ranks N adds -n N to it. sbatch and salloc are understood: sbatch gets --wait, and the ranks are started by srun
    in its job. It may take several lines; quotes and backslashes are as in a shell. Without a command, shows the one
    in force; - takes it back: then --ranks N uses srun within a Slurm allocation (SLURM_JOB_ID), else mpirun or
    mpiexec.
    """


def scorep_env(line: str, cell: str = "") -> None:
    """Set environment variables, for Score-P above all.

    ::

        %%scorep_env
        SCOREP_TOTAL_MEMORY=64M
        SCOREP_FILTERING_FILE="my filter.txt"  # quotes and comments as in a shell
        -SCOREP_METRIC_PAPI

    KEY=VALUE sets, -KEY unsets. They count from the next measured cell on, like those set with %env or os.environ: the
    last one wins. Shows all SCOREP variables that are in force; without lines, it does only that. A SCOREP_ variable
    that this Score-P does not know is pointed out.
    """


def multicellmode(line: str, cell: str = "") -> None:
    """Measure several cells as one.

    ::

        %%enable_multicellmode

    From here on cells are marked instead of run; one that is marked again is replaced at its place.

    ::

        %%finalize_multicellmode [--guard | --no-guard] [--repeat N] [--ranks N] [--gather NAMES]

    runs them, one after the other, under one measurement: each is a region of its own in the trace. An error stops the
    rest, and what ran is kept. The options are those of %%execute_with_scorep. %%abort_multicellmode forgets them.
    Meanwhile %scorep_marked lists them, %scorep_unmark N takes one out, and %scorep_move N TO moves one.
    %%execute_with_scorep in a marked cell has no effect.
    """


def writefile(line: str, cell: str = "") -> None:
    """Write cells to a script, instead of running them.

    ::

        %%start_writefile [NAME] [--mpi N] [--slurm] [--force]

    From here on cells are marked instead of run. %%end_writefile writes NAME.py (jupyter_to_script.py, if there is no
    NAME), and NAME_run.sh, which runs it under Score-P's Python bindings; NAME.sh does the same. --mpi N: it runs as N
    ranks, by mpirun. --slurm: NAME_run.sh submits NAME.sbatch, a batch job that runs it, by srun where there are ranks.
    The files can be moved together. %%abort_writefile forgets the cells; no file is made before %%end_writefile.

    Cells with %%execute_with_scorep are instrumented, and so are those between %%enable_multicellmode and
    %%finalize_multicellmode; what other cells call is not recorded. With --noinstrumenter nothing is, but what stands
    in `with scorep.instrumenter.enable():`. %scorep_marked lists the cells, and which are instrumented; %scorep_unmark
    N takes one out, and %scorep_move N TO moves one. %%abort_multicellmode does nothing here.

    %%scorep_python_binding_arguments and %%scorep_env are the script's, and leave the session as it is. The runner
    begins with the arguments and SCOREP_ variables that are in force in the session; the cells' %%scorep_env and %env
    change them (in %env, $NAME is for the shell to know). As Score-P reads its variables when the script starts, the
    last value of each counts. Other variables are set in the script, where the cell stands.

    Cells stay as they are written, but for what only IPython knows. That is translated where it has a plain meaning:
    !command and its value, %cd, %env, %run, %matplotlib inline, %%bash and its like, %%writefile, %%capture, display,
    await. What stands under or behind %time, %timeit or %prun runs once. What cannot be translated becomes a comment,
    and is named, as are names that no cell defines. A cell that cannot be compiled as Python is named, nothing is
    written then, and the cells stay marked.

    Files that exist are left alone without --force, unless write mode wrote them for the same script, and nobody has
    changed them since: so the notebook can run again.
    """


def viewer(line: str, cell: str = "") -> None:
    """Have an experiment shown, after each measured cell.

    ::

        %%enable_vampir_launch_on_scorep_instrumented
        %%disable_vampir_launch
        %%scorep_enable_cube_launch
        %%scorep_disable_cube_launch

    Vampir is started with the trace, Cube with Score-P's profile. They live on when the session ends. Where there is no
    display, as on a Hub, you are told how to copy the experiment instead.
    """


_LINES = ("scorep_marked", "scorep_unmark", "scorep_move")
_DIRECTIVES = {
    "enable_vampir_launch_on_scorep_instrumented": viewer,
    "disable_vampir_launch": viewer,
    "scorep_enable_cube_launch": viewer,
    "scorep_disable_cube_launch": viewer,
    "start_writefile": writefile,
    "end_writefile": writefile,
    "abort_writefile": writefile,
    "enable_multicellmode": multicellmode,
    "finalize_multicellmode": multicellmode,
    "abort_multicellmode": multicellmode,
    "scorep_env": scorep_env,
    "execute_with_scorep": execute_with_scorep,
    "marshalling_settings": marshalling_settings,
    "serializer_settings": marshalling_settings,
    "scorep_python_binding_arguments": scorep_python_binding_arguments,
    "scorep_launcher": scorep_launcher,
}


def _misplaced(name: str, explained: Callable) -> Callable:
    def directive(line: str, cell: str = "") -> None:
        if name in _LINES:
            raise UsageError(f"%{name} must be all of a cell")
        raise UsageError(f"%%{name} must be the cell's first line that is neither blank nor a comment")

    directive.__doc__ = explained.__doc__
    directive.__name__ = name
    return directive


def scorep_doctor(line: str) -> None:
    """Say whether cells can be measured here, and what to do where not.

    ::

        %scorep_doctor [--json]

    Looks at this Python, Score-P, its bindings and its MPI, at memory, directories and SCOREP_ variables, and at the
    programs that read what is measured. Each line has a verdict: ok, WARNING, ERROR, or - for what is not there and not
    needed; below it stands what to do. Changes nothing. --json: the same for programs. On the command line it is
    `scorepkernel doctor`.
    """
    if line.strip() not in ("", "--json"):
        raise UsageError(f"%scorep_doctor does not know {line.strip()!r}; it takes --json, or nothing")
    # Now, as it takes some milliseconds that the start of a session need not wait for.
    doctor = importlib.import_module(_DOCTOR)
    found = doctor.checks()
    print(doctor.as_json(found) if line.strip() else doctor.as_text(found))


def register(shell: Any) -> None:
    """Make the directives known to IPython, as magics."""
    shell.register_magic_function(scorep_doctor, "line")
    for name in _LINES:
        shell.register_magic_function(_misplaced(name, multicellmode), "line", name)
    for name, explained in _DIRECTIVES.items():
        directive = _misplaced(name, explained)
        shell.register_magic_function(directive, "cell", name)
        # What IPython looks for when the directive stands further down.
        shell.register_magic_function(directive, "line", f"%{name}")
