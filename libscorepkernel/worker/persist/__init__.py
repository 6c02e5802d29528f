# SPDX-License-Identifier: BSD-3-Clause
"""Carries a notebook's variables to another process and back; transfer.py is what others call. It stands on base/. All
of it but the format of the file is imported when variables travel, and not before."""
