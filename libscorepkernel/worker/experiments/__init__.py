# SPDX-License-Identifier: BSD-3-Clause
"""Experiments that have been measured: kept to be shown again, listed, compared, handed on, and removed."""
