# SPDX-License-Identifier: BSD-3-Clause
"""Says whether this Python can be a kernel's, and what its cells can be measured with. It stands on measure/ and base/.
Nobody imports it: `scorepkernel doctor` starts it as a program, and %scorep_doctor loads it by its name.
"""
