# SPDX-License-Identifier: BSD-3-Clause
"""What `make install` leaves: a host can be built from it with pkg-config alone, and everybody may read it."""

import os
import shutil
import stat
import subprocess
import tempfile
import unittest


class Installed(unittest.TestCase):
    def test_a_host_builds_and_all_may_read(self) -> None:
        if not shutil.which("pkg-config"):
            self.skipTest("pkg-config is not installed")
        if os.environ.get("SPK_SANITIZE"):
            self.skipTest("a sanitized library is linked by sanitized programs only; the release build shows this")
        environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
        sanitize = "SANITIZE=" + os.environ.get("SPK_SANITIZE", "")
        with tempfile.TemporaryDirectory() as directory:
            place = os.path.join(directory, "with space")
            for target in ("install", "uninstall"):
                command = ["make", "-s", target, f"DESTDIR={place}", "PREFIX=/opt/spk", sanitize]
                done = subprocess.run(command, env=environment, capture_output=True, text=True, umask=0o077)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                if target == "install":
                    self.examine(place, os.path.join(directory, "host"))
            self.assertEqual([files for _, _, files in os.walk(place) if files], [])

    def examine(self, place: str, host: str) -> None:
        prefix = os.path.join(place, "opt", "spk")
        for folder, _, files in os.walk(os.path.join(prefix, "lib", "scorepkernel")):
            for path in [folder, *(os.path.join(folder, name) for name in files)]:
                self.assertTrue(os.stat(path).st_mode & stat.S_IROTH, path)
        plain = host + ".prefix"  # pkg-config's own output has no quotes
        os.symlink(prefix, plain)
        ask = ["pkg-config", f"--define-variable=prefix={plain}", "--cflags", "--libs", "scorepkernel"]
        search = {**os.environ, "PKG_CONFIG_PATH": os.path.join(prefix, "lib", "pkgconfig")}
        flags = subprocess.run(ask, env=search, check=True, capture_output=True, text=True).stdout
        self.assertIn("-lscorepkernel", flags)
        built = subprocess.run(["cc", "-o", host, "examples/embed/host.c", *flags.split(), "-ldl"], capture_output=True, text=True)
        self.assertEqual(built.returncode, 0, built.stderr)
        version = subprocess.run([os.path.join(prefix, "bin", "scorepkernel"), "--version"], capture_output=True, text=True)
        self.assertEqual(version.returncode, 0, version.stderr)


if __name__ == "__main__":
    unittest.main()
