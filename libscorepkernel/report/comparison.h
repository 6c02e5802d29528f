/* SPDX-License-Identifier: BSD-3-Clause
 *
 * comparison.h - two measured cells beside each other: what has become faster or slower. Pure.
 */
#ifndef REPORT_COMPARISON_H
#define REPORT_COMPARISON_H

#include "report/view.h"

/** Append the comparison as text and as HTML. Lines of the cells are matched by their sources, the longest
 * common sequence of them. */
void comparison_print(struct buffer *text, struct buffer *page, const struct findings *older,
                      const struct findings *newer);

#endif
