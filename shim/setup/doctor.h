/* SPDX-License-Identifier: BSD-3-Clause
 *
 * doctor.h - says whether a Python can be a kernel's, and what its cells can be measured with.
 */
#ifndef SHIM_SETUP_DOCTOR_H
#define SHIM_SETUP_DOCTOR_H

/** Become that Python (NULL: python3 on PATH), which looks and says what it found; its exit status is 0, or 1
 * if something is an error. Returns only if that was not possible, the exit status for the process. */
int doctor_run(const char *python, int as_json);

/** The manual, on standard output. */
void doctor_help(void);

#endif
