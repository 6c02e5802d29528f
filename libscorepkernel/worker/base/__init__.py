# SPDX-License-Identifier: BSD-3-Clause
"""What all other folders stand on: the connection to the library, the standard library as it was, how other programs
are run. It imports nothing of ours but itself."""
