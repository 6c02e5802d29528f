# SPDX-License-Identifier: BSD-3-Clause
"""Stands in for Score-P's Python bindings: `python -m scorep` runs a script with the stand-in's libraries loaded."""

__version__ = "0.0-standin"
