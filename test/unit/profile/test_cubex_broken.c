/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_cubex_broken.c - profiles that are malformed, of another form, or too large: each has its error.
 */
#include "cubex_made.h"

#include <errno.h>
#include <math.h>

/* The anchor with one text in it replaced, where it is first. */
static int error_of_anchor(const char *from, const char *to)
{
    static char changed[sizeof ANCHOR + 4096];
    struct parts parts;
    const char *at = strstr(ANCHOR, from);
    CHECK(at && strlen(to) < 4096);
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - ANCHOR), ANCHOR, to, at + strlen(from));
    fill(&parts, 0, 0);
    parts.anchor = changed;
    return error_of_parts(&parts);
}

static const struct {
    const char *from, *to;
    int error;
} anchors[] = {
    {"<murl>", "<murl >", 0},
    {"4.4", "4.99", 0},
    {"4.4", "3.0", -ENOTSUP},
    {"4.4", "5", -ENOTSUP},
    {" version=\"4.4\"", "", -EPROTO},
    {"<cube version", "\x1f\x8b<cube version", -EPROTO},
    {"<?xml", "\x1f\x8b<?xml", -ENOTSUP},
    {"<?xml", "text<?xml", -EPROTO},
    {"?>", ">", -EPROTO},
    {"</cube>", "", -EPROTO},
    {"</cube>", "</cube><cube version=\"4.4\"/>", -EPROTO},
    {"</cube>", "</cube></cube>", -EPROTO},
    {"</cube>", "</cube", -EPROTO},
    {"</murl>", "</mirl>", -EPROTO},
    {"</murl>", "</>", -EPROTO},
    {"</murl>", "<![CDATA[x]]></murl>", -ENOTSUP},
    {"</murl>", "<!-- </murl>", -EPROTO},
    {"<cube version", "<box/><cube version", -EPROTO},
    {"<doc>", "<doc x=\">", -EPROTO},
    {"<doc>", "<cube/><program/><cnode/><doc>", 0},
    {"type=\"INCLUSIVE\"", "type=\"EXCLUSIVE\"", -ENOTSUP},
    {"type=\"EXCLUSIVE\"", "type=\"INCLUSIVE\"", -ENOTSUP},
    {"type=\"EXCLUSIVE\"", "", -ENOTSUP},
    {"DOUBLE", "FLOAT", -ENOTSUP},
    {"UINT64", "INT64", -ENOTSUP},
    {">time<", ">tame<", -EPROTO},
    {">other<", ">visits<", -EPROTO},
    {"id=\"17\"", "id=\"18\"", -EPROTO},
    {"id=\"17\"", "id=\"-17\"", -EPROTO},
    {"id=\"17\"", "id=\"4294967295\"", -E2BIG},
    {"id=\"17\"", "id=\"\"", -EPROTO},
    {"id=\"17\"", "id=", -EPROTO},
    {"id=\"17\"", "id", -EPROTO},
    {"id=\"17\"", "=17", -EPROTO},
    {"id=\"17\"", "id=17", 0},
    {"id=\"17\"", "id = '17'", 0},
    {"<region id=\"5\"", "<region id=\"6\"", -EPROTO},
    {"<region id=\"5\"", "<region id=\"1\"", -EPROTO},
    {"<region id=\"5\"", "<region id=\"1048576\"", -E2BIG},
    {"<region id=\"5\"", "<region id=\"99999999999999999999\"", -E2BIG},
    {"<region id=\"5\"", "<region id=\"5x\"", -EPROTO},
    {"<region id=\"5\"", "<region", -EPROTO},
    {"<region id=\"9\"", "<region id=\"1048575\"", 0},
    {"begin=\"7\"", "begin=\"77777777777777777777\"", 0},
    {"calleeId=\"1\"", "calleeId=\"2\"", -EPROTO},
    {"calleeId=\"1\"", "calleeId=\"-1\"", -EPROTO},
    {"calleeId=\"1\"", "calleeId=\"1048575\"", -EPROTO},
    {"calleeId=\"1\"", "calleeId=\"1048576\"", -E2BIG},
    {"calleeId=\"1\"", "", -EPROTO},
    {"<cnode id=\"7\"", "<cnode id=\"0\"", 0},
    {"<cnode id=\"7\"", "<cnode", 0},
    {"<cnode id=\"7\"", "<node id=\"7\"", -EPROTO},
    {"</program>", "<cnode calleeId=\"0\"/></program>", -EPROTO},
    {"<location Id=\"1\"/>", "", -EPROTO},
    {"<location Id=\"1\"/>", "<location/><location/>", -EPROTO},
    {"<system>", "<sistem>", -EPROTO},
};

static void broken_anchors(void)
{
    for (size_t i = 0; i < sizeof anchors / sizeof *anchors; i++) {
        int error = error_of_anchor(anchors[i].from, anchors[i].to);
        if (error != anchors[i].error)
            fprintf(stderr, "%s -> %s: %d\n", anchors[i].from, anchors[i].to, error);
        CHECK(error == anchors[i].error);
    }
}

/* One byte of the index or data of one of the metrics is another. */
static const struct {
    char file; /* 'i', 'd' */
    unsigned metric, at, value;
    int error;
} files[] = {
    {'i', 0, 0, 'c', -EPROTO}, {'i', 0, 11, 0, -EPROTO},  {'i', 0, 11, 2, -EPROTO},
    {'i', 0, 15, 1, -ENOTSUP}, {'i', 0, 16, 1, -ENOTSUP}, {'i', 0, 17, 0, -EPROTO},
    {'i', 0, 17, 2, -ENOTSUP}, {'i', 0, 17, 3, -EPROTO},  {'i', 0, 17, 4, -EPROTO},
    {'i', 0, 18, 6, -EPROTO},  {'i', 0, 18, 8, -EPROTO},  {'i', 0, 21, 255, -EPROTO},
    {'i', 0, 26, 0, -EPROTO},  {'i', 0, 26, 2, -EPROTO},  {'i', 0, 42, 5, 0},
    {'i', 0, 46, 6, -EPROTO},  {'i', 0, 46, 8, -EPROTO},  {'i', 0, 49, 128, -EPROTO},
    {'d', 0, 0, 'c', -EPROTO}, {'d', 0, 0, 'Z', -EPROTO}, {'d', 1, 17, 0x7f, 0},
    {'d', 1, 16, 0xf0, 0},     {'i', 1, 17, 1, -EPROTO},
};

static void broken_files(void)
{
    struct parts parts;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        fill(&parts, 1 << 5, 0);
        unsigned metric = files[i].metric;
        unsigned char *bytes = files[i].file == 'i' ? parts.index[metric] : parts.data[metric];
        bytes[files[i].at] = (unsigned char)files[i].value;
        int error = error_of_parts(&parts);
        if (error != files[i].error)
            fprintf(stderr, "%zu: %d\n", i, error);
        CHECK(error == files[i].error);
    }
    fill(&parts, 0, 0);
    memmove(parts.data[1] + 1, parts.data[1], parts.data_len[1]++);
    parts.data[1][0] = 'Z';
    CHECK(error_of_parts(&parts) == -ENOTSUP);
    /* A value or a part of one too many or too few. */
    for (size_t m = 0; m < 2; m++) {
        for (size_t less = 0; less < 40; less++) {
            fill(&parts, 1 << 5, 0);
            parts.data_len[m] += 20 - less;
            CHECK(error_of_parts(&parts) == (less == 20 ? 0 : -EPROTO));
            fill(&parts, 1 << 5, 0);
            parts.index_len[m] += 8 - less % 16;
            CHECK(error_of_parts(&parts) == (less % 16 == 8 ? 0 : -EPROTO));
        }
    }
}

/* Sums that are none. */
static void sums(void)
{
    static const double bad[] = {(double)NAN, (double)INFINITY, 1.7e308};
    struct parts parts;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fill(&parts, 0, 0);
        memcpy(parts.data[1] + 10, &bad[i], sizeof *bad);
        memcpy(parts.data[1] + 18, &bad[i], sizeof *bad);
        CHECK(error_of_parts(&parts) == -EPROTO);
    }
    /* Each call path's is one, but not that of the region: the first and the last are of the same. */
    fill(&parts, 0, 0);
    memcpy(parts.data[1] + 10, &bad[2], sizeof *bad);
    CHECK(error_of_parts(&parts) == 0);
    memcpy(parts.data[1] + 10 + 7 * 16, &bad[2], sizeof *bad);
    CHECK(error_of_parts(&parts) == -EPROTO);
    fill(&parts, 0, 0);
    memset(parts.data[0] + 10, 0xff, 8);
    CHECK(error_of_parts(&parts) == -EPROTO);
    fill(&parts, 0, 0);
    memset(parts.data[0] + 10, 0xff, 7);
    memset(parts.data[0] + 17, 0x7f, 1);
    CHECK(error_of_parts(&parts) == 0);
    memset(parts.data[0] + 42, 0xff, 8);
    CHECK(error_of_parts(&parts) == -EPROTO);
}

/* What the header of the first member, that of the visits' index, may say. */
static void broken_headers(void)
{
    static const struct {
        unsigned at;
        const char *text;
        size_t len;
        int error;
    } headers[] = {
        {0, "./", 2, -EPROTO},
        {0, "17.data\0", 8, -EPROTO},
        {156, "\0", 1, 0},
        {156, "5", 1, -EPROTO},
        {156, "L", 1, -EPROTO},
        {345, "folder", 6, -EPROTO},
        {124, "\x80\0\0\0\0\0\0\0\0\0\0\0\x12", 12, -ENOTSUP},
        {124, "\xff", 1, -ENOTSUP},
        {124, "777777777777", 12, -EPROTO},
        {124, "00000000008", 11, -EPROTO},
        {124, "-0000000022", 11, -EPROTO},
        {124, "            ", 12, -EPROTO},
        {124, "        22 \0", 12, 0},
        {124, "22\0\0\0\0\0\0\0\0\0\0", 12, 0},
        {124, "00000001022", 11, -EPROTO},
    };
    struct parts parts;
    fill(&parts, 0, 0);
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        struct archive archive = build(&parts);
        memcpy(archive.data + headers[i].at, headers[i].text, headers[i].len);
        CHECK(error_of(archive.data, archive.len) == -EPROTO);
        sign(archive.data);
        int error = error_of(archive.data, archive.len);
        if (error != headers[i].error)
            fprintf(stderr, "%zu: %d\n", i, error);
        CHECK(error == headers[i].error);
        free(archive.data);
    }
    struct archive archive = build(&parts);
    CHECK(error_of(archive.data, archive.len - 1) == -EPROTO);
    CHECK(error_of(archive.data, archive.len - BLOCK) == -EPROTO);
    archive.data[archive.len - 1] = 1;
    CHECK(error_of(archive.data, archive.len) == -EPROTO);
    free(archive.data);
}

/* --- maxima ---------------------------------------------------------------------------------------- */

/* The small file, with a text so many times at a place of its anchor. */
static int error_of_many(const char *before, const char *text, size_t count)
{
    struct archive anchor = {0};
    struct parts parts;
    const char *at = strstr(ANCHOR, before);
    CHECK(at != NULL);
    add_bytes(&anchor, ANCHOR, (size_t)(at - ANCHOR));
    for (size_t i = 0; i < count; i++)
        add_bytes(&anchor, text, strlen(text));
    add_bytes(&anchor, at, strlen(at) + 1);
    fill(&parts, 0, 0);
    parts.anchor = (const char *)anchor.data;
    int error = error_of_parts(&parts);
    free(anchor.data);
    return error;
}

static void maxima(void)
{
    static const char node[] = "<cnode calleeId=\"0\"/>", location[] = "<location/>";
    static const char metric[] = "<metric id=\"1\"/>", region[] = "<region id=\"77\"/>";
    struct cubex_profile profile;
    CHECK(cubex_read((const unsigned char *)"", CUBEX_MAX_LEN + 1, &profile) == -E2BIG);
    /* Fewer than the maximum are one more call path, location, region than there is data for. */
    CHECK(error_of_many("</program>", node, CUBEX_MAX_NODES - NODES) == -EPROTO);
    CHECK(error_of_many("</program>", node, CUBEX_MAX_NODES - NODES + 1) == -E2BIG);
    CHECK(error_of_many("</locationgroup>", location, CUBEX_MAX_LOCATIONS - COLUMNS) == -EPROTO);
    CHECK(error_of_many("</locationgroup>", location, CUBEX_MAX_LOCATIONS - COLUMNS + 1) == -E2BIG);
    CHECK(error_of_many("</metrics>", metric, CUBEX_MAX_METRICS - 3) == 0);
    CHECK(error_of_many("</metrics>", metric, CUBEX_MAX_METRICS - 2) == -E2BIG);
    CHECK(error_of_many("</program>", region, 1) == 0);
    CHECK(error_of_many("</program>", region, CUBEX_MAX_REGIONS - 4) == -EPROTO);
    CHECK(error_of_many("</program>", region, CUBEX_MAX_REGIONS - 3) == -E2BIG);
    CHECK(error_of_many("</cube>", "<x>", CUBEX_MAX_DEPTH - 1) == -EPROTO);
    CHECK(error_of_many("</cube>", "<x>", CUBEX_MAX_DEPTH) == -E2BIG);
}

int main(void)
{
    test_limit(120);
    broken_anchors();
    broken_files();
    sums();
    broken_headers();
    maxima();
    return 0;
}
