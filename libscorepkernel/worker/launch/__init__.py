# SPDX-License-Identifier: BSD-3-Clause
"""Runs a measured cell in a process of its own, or in many: how that is started, how the variables go there and come
back. It stands on forks/, measure/, persist/ and base/."""
