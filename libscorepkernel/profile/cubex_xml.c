/* SPDX-License-Identifier: BSD-3-Clause
 *
 * cubex_xml.c - the tags and texts of an XML document. Pure. It splits, and knows no element: whether tags
 * match is for the caller to see. More than XML allows is let through where CUBE writes it (attributes
 * without quotes); entities of a document's own are not known, so nothing expands.
 */
#include "profile/cubex_xml.h"

#include "base/text.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct spk_text left_trimmed(struct spk_text text)
{
    while (text.len && is_blank(text.data[0]))
        text = text_after(text, 1);
    return text;
}

/* Pass over what is neither tag nor text, up to and including its end. */
static int skip(struct spk_text *document, const char *end)
{
    const char *found = memmem(document->data, document->len, end, strlen(end));
    if (!found)
        return -EPROTO;
    *document = text_after(*document, (size_t)(found - document->data) + strlen(end));
    return 0;
}

/* The length of the tag that begins here, up to its '>'; one in quotes does not end it. len: the tag has no
 * end. */
static size_t tag_len(struct spk_text tag)
{
    char quote = 0;
    size_t at = 0;
    for (; at < tag.len && (quote || tag.data[at] != '>'); at++) {
        char c = tag.data[at];
        if (!quote && (c == '"' || c == '\''))
            quote = c;
        else if (c == quote)
            quote = 0;
    }
    return at;
}

static int read_tag(struct spk_text *document, struct cubex_xml *item)
{
    size_t len = tag_len(*document);
    if (len == document->len)
        return -EPROTO;
    struct spk_text tag = {document->data + 1, len - 1};
    *document = text_after(*document, len + 1);
    item->kind = CUBEX_XML_OPEN;
    if (tag.len && tag.data[0] == '/') {
        item->kind = CUBEX_XML_CLOSE;
        tag = text_after(tag, 1);
    } else if (tag.len && tag.data[tag.len - 1] == '/') {
        item->kind = CUBEX_XML_EMPTY;
        tag.len--;
    }
    item->name = (struct spk_text){tag.data, 0};
    while (item->name.len < tag.len && !is_blank(tag.data[item->name.len]))
        item->name.len++;
    item->rest = text_after(tag, item->name.len);
    return item->name.len ? 1 : -EPROTO;
}

int cubex_xml_next(struct spk_text *document, struct cubex_xml *item)
{
    while (document->len) {
        int result = 0;
        if (document->data[0] != '<') {
            const char *end = memchr(document->data, '<', document->len);
            size_t len = end ? (size_t)(end - document->data) : document->len;
            *item = (struct cubex_xml){CUBEX_XML_TEXT, {NULL, 0}, {document->data, len}};
            *document = text_after(*document, len);
            return 1;
        }
        if (text_begins(*document, "<!--"))
            result = skip(document, "-->");
        else if (text_begins(*document, "<![CDATA["))
            result = -ENOTSUP;
        else if (text_begins(*document, "<?"))
            result = skip(document, "?>");
        else if (text_begins(*document, "<!"))
            result = skip(document, ">");
        else
            return read_tag(document, item);
        if (result != 0)
            return result;
    }
    return 0;
}

/* Take an attribute's value off the text that begins with it. */
static int read_value(struct spk_text *text, struct spk_text *value)
{
    *value = *text;
    if (text->len && (text->data[0] == '"' || text->data[0] == '\'')) {
        const char *end = memchr(text->data + 1, text->data[0], text->len - 1);
        if (!end)
            return -EPROTO;
        *value = (struct spk_text){text->data + 1, (size_t)(end - text->data) - 1};
        *text = text_after(*text, value->len + 2);
        return 0;
    }
    for (value->len = 0; value->len < text->len && !is_blank(text->data[value->len]);)
        value->len++;
    *text = text_after(*text, value->len);
    return value->len ? 0 : -EPROTO;
}

int cubex_xml_attribute(struct spk_text attributes, const char *name, struct spk_text *value)
{
    struct spk_text found;
    while ((attributes = left_trimmed(attributes)).len) {
        struct spk_text key = {attributes.data, 0};
        while (key.len < attributes.len && key.data[key.len] != '=' && !is_blank(key.data[key.len]))
            key.len++;
        attributes = left_trimmed(text_after(attributes, key.len));
        if (!key.len || !attributes.len || attributes.data[0] != '=')
            return -EPROTO;
        attributes = left_trimmed(text_after(attributes, 1));
        if (read_value(&attributes, &found) != 0)
            return -EPROTO;
        if (text_is(key, name)) {
            *value = found;
            return 1;
        }
    }
    return 0;
}

int cubex_xml_number(struct spk_text attributes, const char *name, size_t limit, uint32_t *number)
{
    struct spk_text text;
    size_t value = 0;
    if (cubex_xml_attribute(attributes, name, &text) != 1 || !text.len)
        return -EPROTO;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return -EPROTO;
        value = 10 * value + (size_t)(text.data[i] - '0');
        if (value >= limit)
            return -E2BIG;
    }
    *number = (uint32_t)value;
    return 0;
}

/* The number of "&#...;", given from behind the '#' to before the ';'. 0: it is no character. */
static uint32_t numeric(struct spk_text digits)
{
    uint32_t base = 10, code = 0;
    if (text_begins(digits, "x")) {
        base = 16;
        digits = text_after(digits, 1);
    }
    for (size_t i = 0; i < digits.len; i++) {
        char c = digits.data[i];
        uint32_t digit = UINT32_MAX;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            digit = (uint32_t)((c | 0x20) - 'a') + 10;
        if (digit >= base)
            return 0;
        code = code * base + digit;
        if (code > 0x10ffff)
            return 0;
    }
    return code >= 0xd800 && code < 0xe000 ? 0 : code;
}

/* The character that a reference at the beginning of text stands for, and its *len. 0: there is none. */
static uint32_t reference(struct spk_text text, size_t *len)
{
    static const struct {
        const char *name;
        uint32_t code;
    } known[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        *len = strlen(known[i].name);
        if (text_begins(text, known[i].name))
            return known[i].code;
    }
    /* No longer than this, so that many '&' do not each search to the end; leading zeros have their limit. */
    size_t most = text.len < 12 ? text.len : 12;
    const char *end = text_begins(text, "&#") ? memchr(text.data, ';', most) : NULL;
    if (!end)
        return 0;
    *len = (size_t)(end - text.data) + 1;
    return numeric((struct spk_text){text.data + 2, *len - 3});
}

/* Never longer than the shortest reference to that character. */
static size_t put_utf8(uint32_t code, char at[4])
{
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = len; i-- > 1; code >>= 6)
        at[i] = (char)(0x80 | (code & 0x3f));
    at[0] = (char)(lead[len == 1 ? 0 : len] | code);
    return len;
}

size_t cubex_xml_resolve(struct spk_text raw, char *out)
{
    size_t done = 0;
    while (raw.len) {
        size_t len = 1, put = 1;
        char text[4] = {raw.data[0]};
        uint32_t code = raw.data[0] == '&' ? reference(raw, &len) : 0;
        if (code)
            put = put_utf8(code, text);
        else
            len = 1;
        if (out)
            memcpy(out + done, text, put);
        done += put;
        raw = text_after(raw, len);
    }
    return done;
}
