# SPDX-License-Identifier: BSD-3-Clause
"""The measurement systems that a cell can run under: a file for each, and the choice between them."""
