#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Run a notebook with the kernel of a build tree, and say where the results are: what `make demo` calls.

    demo.py TREE NOTEBOOK OUTPUT_DIRECTORY

Nothing is installed: the kernelspec lies in the build tree, and the notebook runs in the output directory.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys


def main() -> int:
    tree, notebook, output = (os.path.abspath(argument) for argument in sys.argv[1:4])
    os.makedirs(output, exist_ok=True)
    copy = os.path.join(output, os.path.basename(notebook))
    shutil.copyfile(notebook, copy)
    subprocess.run(
        [os.path.join(tree, "bin", "scorepkernel"), "install", "--prefix", tree, "--python", sys.executable],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    environment = {
        **os.environ,
        "JUPYTER_PATH": os.path.join(tree, "share", "jupyter"),
        # Nothing of the demonstration outside of the output directory.
        "IPYTHONDIR": os.path.join(output, ".ipython"),
        "JUPYTER_CONFIG_DIR": os.path.join(output, ".jupyter"),
        "MPLCONFIGDIR": os.path.join(output, ".matplotlib"),
    }
    # The demonstration is to be the same wherever it runs, and its traces are to lie beside it.
    environment.pop("SCOREP_EXPERIMENT_DIRECTORY", None)
    convert = [sys.executable, "-m", "nbconvert", "--log-level", "WARN"]
    subprocess.run([*convert, "--to", "notebook", "--execute", "--inplace", copy], check=True, env=environment)
    subprocess.run([*convert, "--to", "html", copy], check=True, env=environment)
    with open(copy, encoding="utf-8") as file:
        cells = json.load(file)["cells"]
    reports = [
        "".join(item["data"]["text/plain"])
        for cell in cells
        for item in cell.get("outputs", [])
        if item["output_type"] == "display_data" and "Experiment: " in "".join(item["data"].get("text/plain", ""))
    ]
    if not reports:
        print("No cell of the notebook was measured.", file=sys.stderr)
        return 1
    print("\n\n".join(report.rstrip() for report in reports))
    experiment = reports[0].split("Experiment: ")[1].splitlines()[0]
    print(f"\nnotebook  {os.path.splitext(copy)[0]}.html\ntrace     {experiment}/traces.otf2")
    return 0


if __name__ == "__main__":
    sys.exit(main())
