# SPDX-License-Identifier: BSD-3-Clause
"""JupyterLab, notebook and nbconvert as they are installed, run with directories of their own. SPK_JUPYTER names the
directory where their programs are, such as the bin of a virtual environment; else those on PATH are taken."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
from typing import Any, Dict, List, Optional

from kernel import PYTHON, TREE
from processes import family_of, until, until_gone

PATIENCE = 120


def find_program(name: str) -> Optional[str]:
    return shutil.which(name, path=os.environ.get("SPK_JUPYTER"))


def what_lacks(name: str, version: str = "") -> str:
    """Why a program, of that version, cannot be used, or nothing."""
    where = os.environ.get("SPK_JUPYTER", "PATH")
    program = find_program(name)
    if not program:
        return f"there is no {name} in {where}; SPK_JUPYTER names the directory where it is"
    done = subprocess.run([program, "--version"], capture_output=True, text=True)
    if not done.stdout.startswith(version):
        return f"{program} is {done.stdout.strip() or 'broken'}, and version {version} is looked at"
    return ""


class Jupyter:
    """The applications, with our kernel among their kernels and with all that they write in one directory."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.notebooks = os.path.join(directory, "notebooks")
        self.settings = os.path.join(directory, "config", "lab", "user-settings", "@jupyterlab", "apputils-extension")
        os.makedirs(self.notebooks)
        os.makedirs(self.settings)
        subprocess.run(
            [os.path.join(TREE, "bin", "scorepkernel"), "install", "--prefix", directory, "--python", PYTHON],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        # Nothing is asked of the network, and nothing that is said of news covers the notebook.
        self.write_settings("notification", {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True})
        self.server: Optional[subprocess.Popen] = None

    def environment(self) -> Dict[str, str]:
        own = {
            "HOME": self.directory,
            "TMPDIR": self.directory,
            "IPYTHONDIR": os.path.join(self.directory, "ipython"),
            "JUPYTER_CONFIG_DIR": os.path.join(self.directory, "config"),
            "JUPYTER_DATA_DIR": os.path.join(self.directory, "data"),
            "JUPYTER_RUNTIME_DIR": os.path.join(self.directory, "runtime"),
            "JUPYTER_PATH": os.path.join(self.directory, "share", "jupyter"),
            "JUPYTER_PLATFORM_DIRS": "1",
            "SCOREPKERNEL_MEASUREMENT": "built-in",
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SCOREP", "JUPYTER"))}
        return {**inherited, **own}

    def run(self, *command: str) -> None:
        done = subprocess.run(
            [find_program(command[0]) or command[0], *command[1:]],
            cwd=self.notebooks,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=5 * PATIENCE,
        )
        assert done.returncode == 0, done.stdout

    def write_settings(self, plugin: str, settings: Dict[str, Any]) -> None:
        """As the applications themselves keep what a user has chosen; they read it when a page is loaded."""
        with open(os.path.join(self.settings, f"{plugin}.jupyterlab-settings"), "w") as file:
            json.dump(settings, file)

    def choose_theme(self, theme: str) -> None:
        self.write_settings("themes", {"theme": f"JupyterLab {theme.capitalize()}"})

    def serve(self) -> None:
        """One server has the pages of JupyterLab and of notebook 7."""
        self.token = secrets.token_hex()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        options = ["--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"]
        self.log = open(os.path.join(self.directory, "server.log"), "w+")
        self.server = subprocess.Popen(
            [find_program("jupyter-lab") or "jupyter-lab", *options],
            cwd=self.notebooks,
            env={**self.environment(), "JUPYTER_TOKEN": self.token},
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )
        # If somebody else has taken the port, the server has another one.
        self.url = until(self._listens, "the server", PATIENCE)

    def _listens(self) -> Optional[str]:
        """Where; it writes that down some time before it does so."""
        assert self.server
        if self.server.poll() is not None:
            self.log.seek(0)
            raise AssertionError(self.log.read())
        path = os.path.join(self.directory, "runtime", f"jpserver-{self.server.pid}.json")
        try:
            with open(path) as file:
                about = json.load(file)
            socket.create_connection(("127.0.0.1", about["port"])).close()
            return about["url"]
        except (OSError, ValueError):
            return None

    def address(self, application: str, notebook: str) -> str:
        """Of a notebook's page; notebook 7 has its own, and JupyterLab is to show one document."""
        pages = {"lab": "doc/tree", "notebook": "notebooks"}
        return f"{self.url}{pages[application]}/{notebook}?token={self.token}"

    def close(self) -> None:
        """Ends the server, which ends its kernels."""
        if not self.server:
            return
        family: List[int] = family_of(self.server.pid)
        self.server.send_signal(signal.SIGTERM)
        try:
            self.server.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()
        self.log.close()
        until_gone(family)
