# SPDX-License-Identifier: BSD-3-Clause
"""The worker's package for tests of its modules: from the build tree, or from the sources where there is none. Without the
C extension, so that a test does not depend on which Python it was built for."""

import importlib.util
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def folder() -> str:
    """The package's directory."""
    tree = os.environ.get("SPK_TREE") or os.path.join(ROOT, "build", "release", "tree")
    built = os.path.join(tree, "lib", "scorepkernel", "worker", "spk_worker")
    return built if os.path.exists(os.path.join(built, "server.py")) else os.path.join(ROOT, "libscorepkernel", "worker")


def load() -> None:
    """Make spk_worker importable, whatever the name of its directory."""
    if "spk_worker" in sys.modules:
        return
    path = os.path.join(folder(), "__init__.py")
    spec = importlib.util.spec_from_file_location("spk_worker", path, submodule_search_locations=[folder()])
    assert spec and spec.loader
    sys.modules["spk_worker"] = importlib.util.module_from_spec(spec)
    sys.modules["spk_worker._tracer"] = None  # type: ignore[assignment]
    spec.loader.exec_module(sys.modules["spk_worker"])
