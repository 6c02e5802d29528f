#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Prints compile_commands.json, from which editors and clang's tools know how each file is compiled:

    tools/compile_commands.py cc CFLAGS ... -- c++ CXXFLAGS ... -- FILES ...
"""

import json
import os
import sys


def main() -> int:
    words = sys.argv[1:]
    first = words.index("--")
    second = words.index("--", first + 1)
    compilers = {".c": words[:first], ".cpp": words[first + 1 : second]}
    entries = [
        {"directory": os.getcwd(), "file": file, "arguments": [*compilers[os.path.splitext(file)[1]], "-c", file]}
        for file in words[second + 1 :]
    ]
    print(json.dumps(entries, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
