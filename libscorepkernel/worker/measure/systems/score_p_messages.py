# SPDX-License-Identifier: BSD-3-Clause
"""What Score-P says in its messages, and what the user can do."""

from __future__ import annotations

import os
import re
from typing import List

from .. import experiment_directory

# What Score-P is given where the user says nothing: its own 16 MB are full after a million calls, and of what it is
# given it takes what it needs.
TOTAL_MEMORY = "256M"

# It takes 4 GB at most.
_MORE_MEMORY = "Give it more memory than the {memory} that it has, for example with\n%env SCOREP_TOTAL_MEMORY=2G"

# Each: what Score-P's message has in it, and what to do.
_REMEDIES = (
    ("set variable", "Correct or unset the SCOREP_ variable that it names; !scorep-info config-vars --full helps."),
    ("SCOREP_TOTAL_MEMORY", _MORE_MEMORY),
    ("Out of memory", _MORE_MEMORY),
    ("filter", "Correct the file of SCOREP_FILTERING_FILE, or unset it:\ndel os.environ['SCOREP_FILTERING_FILE']"),
    (
        "xperiment directory",
        f"Set {experiment_directory.VARIABLE} to a place that can be written, for example with\n"
        f"{experiment_directory.EXAMPLE}",
    ),
    ("No space left", "Free some space, or set SCOREP_EXPERIMENT_DIRECTORY to a place that has it."),
)
# Said of each thread that still runs when the cell ends, which is no fault, or that has just ended.
_HARMLESS = re.compile(
    r"^\[Score-P\].*Thread after main \(location=\d+\)\n?"
    # In each rank, since MPI is initialised as mpi4py does it.
    r"|^\[Score-P\].*Support for MPI_THREAD_\(SERIALIZED\|MULTIPLE\) is currently experimental!\n"
    r"(\[Score-P\])?\s*Please report bugs.*\n?",
    re.M,
)


def remedy(messages: str) -> str:
    found = next((remedy for mark, remedy in _REMEDIES if mark in messages), "")
    return found.replace("{memory}", os.environ.get("SCOREP_TOTAL_MEMORY") or TOTAL_MEMORY)


def why_no_start(messages: str) -> str:
    said = worth_showing(messages) or "(It said nothing.)"
    return f"The cell was not run: Score-P did not start. It said:\n{said}\n{remedy(messages)}".rstrip()


def from_messages(messages: str, unwritten: bool) -> List[str]:
    """What its messages mean for the experiment. unwritten: something of it could not be written."""
    found = []
    flushes = messages.count("Trace buffer flush")
    if flushes:
        memory = os.environ.get("SCOREP_TOTAL_MEMORY", TOTAL_MEMORY)
        found.append(
            f"Score-P's memory was full, and was written to disk {flushes} times during the cell: the times contain "
            f"that. Give it more than the {memory} that it has, for example with %env SCOREP_TOTAL_MEMORY=1G"
        )
    if "callpath depth limitation" in messages:
        found.append(
            "Calls were nested deeper than Score-P's profile goes; what lies deeper is the region COLLAPSE. Raise the "
            "limit, for example with %env SCOREP_PROFILING_MAX_CALLPATH_DEPTH=10000"
        )
    if "nconsistent" in messages:
        found.append("Score-P found its profile inconsistent: its numbers cannot be trusted. See what it says below.")
    if unwritten or "No space left" in messages:
        found.append(f"Score-P could not write all of the experiment. {remedy('No space left')}")
    return found


def worth_showing(messages: str) -> str:
    return _HARMLESS.sub("", messages).strip()[:4000]
