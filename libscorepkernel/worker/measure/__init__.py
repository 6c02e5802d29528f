# SPDX-License-Identifier: BSD-3-Clause
"""Measures a cell: by which system, into which experiment directory, and what is said of it. It stands on base/."""
