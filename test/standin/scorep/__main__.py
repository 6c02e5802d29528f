# SPDX-License-Identifier: BSD-3-Clause
"""python -m scorep [--noinstrumenter] [OPTIONS OF scorep-config] SCRIPT [ARGUMENTS]

Where the bindings start Python anew with the libraries preloaded, here they are loaded into the process that runs.
"""

import ctypes
import os
import runpy
import shutil
import subprocess
import sys


def main() -> None:
    words = sys.argv[1:]
    options = []
    while words and words[0].startswith("-"):
        options.append(words.pop(0))
    options = [word for word in options if word not in ("--noinstrumenter", "--nopython", "--keep-files", "--verbose")]
    config = shutil.which("scorep-config")
    if config is None:
        sys.exit("scorep: there is no scorep-config")
    done = subprocess.run([config, "--user", *options, "--libs"], capture_output=True, text=True)
    if done.returncode != 0:
        raise ValueError(f"given config {options} is not supported\nstdout: {done.stdout}\nstderr: {done.stderr}")
    prefix = os.path.dirname(os.path.dirname(os.path.realpath(config)))
    ctypes.CDLL(os.path.join(prefix, "lib", "libscorep_root.so"), os.RTLD_NOW | os.RTLD_GLOBAL)
    log = os.environ.get("STANDIN_LOG")
    if log:
        with open(log, "a") as file:
            file.write(f"python -m scorep {' '.join(options)}\n")
    sys.argv = words
    sys.path[0] = os.path.dirname(words[0])
    runpy.run_path(words[0], run_name="__main__")


main()
