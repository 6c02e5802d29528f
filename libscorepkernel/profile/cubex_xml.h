/* SPDX-License-Identifier: BSD-3-Clause
 *
 * cubex_xml.h - the tags and texts of an XML document, one after the other. Pure; everything is borrowed from
 * the document.
 */
#ifndef PROFILE_CUBEX_XML_H
#define PROFILE_CUBEX_XML_H

#include "scorepkernel.h"

enum cubex_xml_kind { CUBEX_XML_OPEN, CUBEX_XML_CLOSE, CUBEX_XML_EMPTY, CUBEX_XML_TEXT };

struct cubex_xml {
    enum cubex_xml_kind kind;
    struct spk_text name; /* of the element; none for a text */
    struct spk_text rest; /* the attributes, or the text; references are not resolved */
};

/** Take the next tag or text off the document. 1: it is in *item; 0: there is none left; -EPROTO: a tag has
 * no end; -ENOTSUP: a CDATA section. Comments, instructions and declarations are passed over. */
int cubex_xml_next(struct spk_text *document, struct cubex_xml *item);

/** Find an attribute among those of a tag. 1: its *value; 0: there is none; -EPROTO: they are malformed. */
int cubex_xml_attribute(struct spk_text attributes, const char *name, struct spk_text *value);

/** Read an attribute that is a decimal number below limit, at most 2^32. 0; -EPROTO: there is none, or it is
 *  something else; -E2BIG: it is not below limit. */
int cubex_xml_number(struct spk_text attributes, const char *name, size_t limit, uint32_t *number);

/** Resolve the references of raw into out, which has room for raw.len bytes or is NULL, and return how long
 *  the result is. What is no reference to a character stays as it is. */
size_t cubex_xml_resolve(struct spk_text raw, char *out);

#endif
