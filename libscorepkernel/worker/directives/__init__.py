# SPDX-License-Identifier: BSD-3-Clause
"""What the kernel's directives do in the worker: as magics that explain themselves, and those that the library has the
worker carry out. It stands on script/, launch/, measure/, persist/ and base/."""
