# SPDX-License-Identifier: BSD-3-Clause
"""The numbers by which the library and its worker name what they send each other, as worker_wire.h has them."""

from __future__ import annotations

# How a request ended.
OK, ERROR, ABORTED = 0, 1, 2

# Library to worker.
SETUP, EXECUTE, COMPLETE, INSPECT, IS_COMPLETE, HISTORY, COMM_INFO = range(1, 8)
TO_COMM_OPEN, TO_COMM_MESSAGE, TO_COMM_CLOSE, INPUT_REPLY, SHUTDOWN, INTERRUPT = range(8, 14)
PLAN, TAKE_STATE, RETURN = range(14, 17)
# Worker to library.
HELLO, READY, FAILED, DISPLAY_DATA, UPDATE_DISPLAY_DATA, EXECUTE_RESULT = range(64, 70)
ERROR_OUTPUT, CLEAR_OUTPUT, INPUT_REQUEST, FROM_COMM_OPEN, FROM_COMM_MESSAGE = range(70, 75)
FROM_COMM_CLOSE, REPLY, LOG, LAUNCH, STATE, SPARE, NOT_FOR_ME = range(75, 82)
TEXT, CELL_RAN, INPUT_WITHDRAWN, TAKEN = range(82, 86)
