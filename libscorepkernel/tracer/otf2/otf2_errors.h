/* SPDX-License-Identifier: BSD-3-Clause
 *
 * otf2_errors: OTF2's messages go to a fault of ours, never to stderr. */
#ifndef TRACER_OTF2_OTF2_ERRORS_H
#define TRACER_OTF2_OTF2_ERRORS_H

#include "base/fault.h"

/* From now on errors go to *sink; NULL swallows them. sink must live until the next call.
 * OTF2 has one error callback per copy of the library, and this copy is ours alone. */
void otf2_errors_to(struct fault *sink);

#endif
