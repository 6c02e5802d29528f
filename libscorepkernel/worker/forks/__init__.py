# SPDX-License-Identifier: BSD-3-Clause
"""Forked copies of the session: what a fork needs before it and mends after it, the copy that stands by while a guarded
cell runs, and whether a cell is guarded. It stands on base/."""
