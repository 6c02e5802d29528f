# SPDX-License-Identifier: BSD-3-Clause
"""Write mode: marked cells become a script that is plain Python, and shell scripts that run it under Score-P. It stands
on measure/ and base/."""
