# SPDX-License-Identifier: BSD-3-Clause
"""Environment variables by which the kernel's processes tell each other what is not for the user's code."""

# What LD_PRELOAD is to be again, as soon as a process runs that was started with more in it.
PRELOAD_BEFORE = "SCOREPKERNEL_PRELOAD_BEFORE"
# For Score-P's libraries, as a process starts: the symbols of its subsystems.
SUBSYSTEMS = "SCOREPKERNEL_SUBSYSTEMS"
# Set where a process is started for a launched cell.
RUNNER = "SCOREPKERNEL_RUNNER"
# In a launched process: the version of the Score-P that was preloaded.
PRELOADED_VERSION = "SCOREPKERNEL_PRELOADED_VERSION"
# There, too: the variables that were set for its start only.
SET_FOR_START = "SCOREPKERNEL_SET_FOR_START"
