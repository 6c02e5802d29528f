# SPDX-License-Identifier: BSD-3-Clause
"""Errors that more than one folder knows."""

from __future__ import annotations


class Unusable(Exception):
    """A measurement system is there, but cannot be used here; the text says why, and what to do."""


class NotMeasured(Exception):
    """The cell was not run, because it could not be measured; the text names the remedy."""
