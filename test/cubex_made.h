/* SPDX-License-Identifier: BSD-3-Clause
 *
 * cubex_made.h - a small CUBE4 file made in memory, for the tests of its reader.
 */
#ifndef CUBEX_MADE_H
#define CUBEX_MADE_H

#include "profile/cubex.h"

#include "test.h"

#define BLOCK ((size_t)512)

/* What is given by its length has just that: reading behind it is found by the sanitizer. */
static inline int read_exact(const unsigned char *bytes, size_t len, struct cubex_profile *profile)
{
    unsigned char *copy = malloc(len ? len : 1);
    CHECK(copy != NULL);
    if (len)
        memcpy(copy, bytes, len);
    int result = cubex_read(copy, len, profile);
    free(copy);
    return result;
}

/* The error of a file that is broken; it leaves the profile alone. */
static inline int error_of(const unsigned char *bytes, size_t len)
{
    struct cubex_profile profile, before;
    memset(&profile, 0x55, sizeof profile);
    memset(&before, 0x55, sizeof before);
    int result = read_exact(bytes, len, &profile);
    if (result == 0)
        cubex_finish(&profile);
    else
        CHECK(memcmp(&profile, &before, sizeof profile) == 0);
    return result;
}

#define HEAD                                                                                              \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<cube version=\"4.4\">\n<attr key=\"a\" value=\"x>y\"/>" \
    "<doc><mirrors><murl>file:///</murl></mirrors></doc>"
#define METRICS                                                                                              \
    "<metrics title='m'><metric type=\"INCLUSIVE\" id=\"17\"><disp_name>T</disp_name>"                       \
    "<uniq_name>time</uniq_name><dtype>DOUBLE</dtype><metric id=\"3\" type=\"EXCLUSIVE\" viztype=\"GHOST\">" \
    "<dtype>UINT64</dtype><cubepl locationwise=false>1</cubepl><uniq_name>visits</uniq_name></metric>"       \
    "</metric><metric id=\"4\" type=\"POSTDERIVED\"><uniq_name>other</uniq_name></metric></metrics>"
#define REGIONS                                                                                        \
    "<region id=\"5\" mod=\"c.py\" begin=\"7\" end=\"-1\"><name>C<!-- and -->D</name></region>"        \
    "<region end=\"9\" begin=\"12\" mod=\"&quot;a&quot; &amp;lt; &apos;b&apos;\" id=\"0\">"            \
    "<mangled_name>_A</mangled_name><name>A&lt;&#228;&#x20AC;&#x1F600;&gt; & &unknown; &#0; &#xD800; " \
    "&#x110000; &#0000000065;</name>"                                                                  \
    "<paradigm>mpi</paradigm><role>barrier</role></region>"                                            \
    "<!-- <region> --><region id=\"1\"><name>B</name><name>b</name><url/></region>"                    \
    "<region id=\"9\" begin=\"x\"><name>never</name></region>"
#define TREE                                                                                      \
    "<cnode id=\"0\" calleeId=\"0\"><parameter partype=\"string\" parkey=\"k\" parvalue=\"v\" />" \
    "<attr key=\"k\" value=\"v\"/>\n<cnode calleeId=\"1\" id=\"1\" line=\"3\" mod=\"m\">"         \
    "<cnode id=\"2\" calleeId=\"0\"><cnode id=\"3\" calleeId=\"5\" /></cnode><cnode id=\"4\" "    \
    "calleeId=\"5\">"                                                                             \
    "</cnode></cnode><cnode id=\"5\" calleeId=\"5\"></cnode></cnode>"                             \
    "<cnode id=\"6\" calleeId='1'><cnode id=\"7\" calleeId=\"0\"></cnode></cnode>"
#define SYSTEM                                                                                               \
    "<system><systemtreenode Id=\"0\"><name>machine</name><systemtreenode Id=\"1\"><locationgroup Id=\"0\">" \
    "<rank>0</rank><location Id=\"0\"><name>L</name></location><location Id=\"1\"/></locationgroup>"         \
    "</systemtreenode></systemtreenode><topologies><coord locId=\"0\">0 0</coord></topologies></system>"
#define ANCHOR HEAD METRICS "<program>" REGIONS TREE "</program>" SYSTEM "</cube>\n"

#define NODES 8
#define COLUMNS 2

/* Of the call paths as they come: A, B, A, C, C, C; B, A. Both locations have the half of the time, and the
 * second has the visits. */
static const double inclusive[NODES] = {100, 60, 30, 10, 5, 20, 8, 3};
static const uint64_t visits[NODES] = {1, 2, 3, 4, 5, 0, 6, 7};
/* The rows of an inclusive metric. */
static const unsigned wide[NODES] = {0, 1, 5, 2, 4, 3, 6, 7};

struct archive {
    unsigned char *data;
    size_t len, room;
};

static inline void add_bytes(struct archive *archive, const void *bytes, size_t len)
{
    while (archive->room - archive->len < len) {
        archive->room = 2 * archive->room + 4096;
        archive->data = realloc(archive->data, archive->room);
        CHECK(archive->data != NULL);
    }
    if (len)
        memcpy(archive->data + archive->len, bytes, len);
    archive->len += len;
}

static inline void sign(unsigned char *header)
{
    unsigned sum = 0;
    memset(header + 148, ' ', 8);
    for (size_t i = 0; i < BLOCK; i++)
        sum += header[i];
    snprintf((char *)header + 148, 8, "%06o", sum);
}

static inline void add_member(struct archive *archive, const char *name, const void *bytes, size_t len)
{
    static const unsigned char zero[BLOCK];
    unsigned char header[BLOCK] = {0};
    snprintf((char *)header, 100, "%s", name);
    snprintf((char *)header + 124, 12, "%011zo", len);
    memcpy(header + 156, "0ustar", 1);
    memcpy(header + 257, "ustar\00000", 8);
    sign(header);
    add_bytes(archive, header, sizeof header);
    add_bytes(archive, bytes, len);
    add_bytes(archive, zero, (BLOCK - len % BLOCK) % BLOCK);
}

struct parts {
    const char *anchor;
    unsigned char index[2][128]; /* of the visits, of the time */
    unsigned char data[2][256];
    size_t index_len[2], data_len[2];
};

/* Both metrics with a row for each call path but those in the mask; none masked: without a list of them. */
static inline void fill(struct parts *parts, unsigned without_visits, unsigned without_time)
{
    const unsigned without[2] = {without_visits, without_time};
    *parts = (struct parts){.anchor = ANCHOR};
    for (size_t m = 0; m < 2; m++) {
        unsigned char *index = parts->index[m], *data = parts->data[m];
        memcpy(index, "CUBEX.INDEX\1\0\0\0\0\0\3", 18);
        memcpy(data, "CUBEX.DATA", 10);
        parts->index_len[m] = 18;
        parts->data_len[m] = 10;
        if (without[m]) {
            index[17] = 1;
            parts->index_len[m] = 22;
        }
        for (unsigned row = 0; row < NODES; row++) {
            if (without[m] >> row & 1)
                continue;
            uint64_t values[COLUMNS] = {0, visits[row]};
            double half = inclusive[wide[row]] / 2;
            for (size_t c = 0; m == 1 && c < COLUMNS; c++)
                memcpy(&values[c], &half, sizeof half);
            memcpy(data + parts->data_len[m], values, sizeof values);
            parts->data_len[m] += sizeof values;
            if (without[m]) {
                index[parts->index_len[m]] = (unsigned char)row;
                parts->index_len[m] += 4;
                index[18]++;
            }
        }
    }
}

static inline struct archive build(const struct parts *parts)
{
    static const unsigned char end[2 * BLOCK];
    struct archive archive = {0};
    add_member(&archive, "3.index", parts->index[0], parts->index_len[0]);
    add_member(&archive, "remapping.spec", "x", 1);
    add_member(&archive, "17.data", parts->data[1], parts->data_len[1]);
    add_member(&archive, "anchor.xml", parts->anchor, strlen(parts->anchor));
    add_member(&archive, "17.index", parts->index[1], parts->index_len[1]);
    add_member(&archive, "3.data", parts->data[0], parts->data_len[0]);
    add_bytes(&archive, end, sizeof end);
    return archive;
}

static inline int error_of_parts(const struct parts *parts)
{
    struct archive archive = build(parts);
    int result = error_of(archive.data, archive.len);
    free(archive.data);
    return result;
}

static inline void has(const struct cubex_profile *profile, size_t at, const char *name, uint64_t count,
                       double inclusive_s, double exclusive_s)
{
    const struct cubex_region *region = &profile->regions[at];
    CHECK(strcmp(region->name, name) == 0 && region->visits == count);
    CHECK(region->inclusive_s == inclusive_s && region->exclusive_s == exclusive_s);
}

#endif
