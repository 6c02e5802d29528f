/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_cubex.c - profiles of Score-P against what CubeLib's cube_stat says of them, and a small one made
 * here. Those that are broken have test_cubex_broken.c.
 */
#include "cubex_made.h"

#include <errno.h>
#include <math.h>

#define FIXTURES "test/fixtures/scorep-"

struct bytes {
    unsigned char *data;
    size_t len;
};

static struct bytes read_file(const char *path)
{
    FILE *file = fopen(path, "rbe");
    CHECK(file && fseek(file, 0, SEEK_END) == 0);
    long size = ftell(file);
    CHECK(size > 0 && fseek(file, 0, SEEK_SET) == 0);
    struct bytes read = {malloc((size_t)size + 1), (size_t)size};
    CHECK(read.data && fread(read.data, 1, read.len, file) == read.len);
    read.data[read.len] = 0;
    fclose(file);
    return read;
}

static const struct cubex_region *region_of(const struct cubex_profile *profile, const char *name)
{
    const struct cubex_region *found = NULL;
    for (size_t i = 0; i < profile->region_count; i++) {
        if (strcmp(profile->regions[i].name, name) == 0) {
            CHECK(!found);
            found = &profile->regions[i];
        }
    }
    CHECK(found != NULL);
    return found;
}

/* --- the fixtures ---------------------------------------------------------------------------------- */

/* cube_stat prints six digits. */
static int near(double value, double printed)
{
    return fabs(value - printed) <= 1e-5 * fabs(printed);
}

static void check_row(const struct cubex_profile *profile, char *row)
{
    char *end = strchr(row + 1, '"');
    CHECK(row[0] == '"' && end && end[1] == ',');
    *end = 0;
    const struct cubex_region *region = region_of(profile, row + 1);
    char *at = end + 2;
    int good = region->visits == strtoull(at, &at, 10);
    good = good && *at++ == ',' && near(region->exclusive_s, strtod(at, &at));
    good = good && *at++ == ',' && near(region->inclusive_s, strtod(at, &at)) && *at == 0;
    if (!good)
        fprintf(stderr, "%s: %llu %g %g\n", row + 1, (unsigned long long)region->visits, region->exclusive_s,
                region->inclusive_s);
    CHECK(good);
}

static void fixture(const char *folder, const char *table, size_t rows, size_t locations)
{
    struct bytes file = read_file(folder), csv = read_file(table);
    struct cubex_profile profile;
    size_t count = 0;
    CHECK(read_exact(file.data, file.len, &profile) == 0);
    CHECK(profile.location_count == locations && profile.region_count == rows);
    char *rest = NULL, *row = strtok_r((char *)csv.data, "\n", &rest);
    CHECK(row && strcmp(row, "cube::Region,Number of Calls,Exclusive Time,Inclusive Time") == 0);
    while ((row = strtok_r(NULL, "\n", &rest))) {
        check_row(&profile, row);
        count++;
    }
    CHECK(count == rows);
    cubex_finish(&profile);
    CHECK(!profile.regions && !profile.region_count && !profile.location_count);
    cubex_finish(&profile);
    free(file.data);
    free(csv.data);
}

static void is_region(const struct cubex_region *region, const char *name, const char *file, int64_t line,
                      const char *paradigm, const char *role)
{
    CHECK(strcmp(region->name, name) == 0 && strcmp(region->file, file) == 0 && region->line == line);
    CHECK(strcmp(region->paradigm, paradigm) == 0 && strcmp(region->role, role) == 0);
}

/* The path of a region below another one. */
static const struct cubex_path *path_of(const struct cubex_profile *profile, const char *caller, const char *name)
{
    const struct cubex_path *found = NULL;
    for (size_t i = 0; i < profile->path_count; i++) {
        const struct cubex_path *path = &profile->paths[i];
        if (path->parent == CUBEX_NO_PARENT || strcmp(profile->regions[path->region].name, name) != 0 ||
            strcmp(profile->regions[profile->paths[path->parent].region].name, caller) != 0)
            continue;
        CHECK(!found && path->parent < i);
        found = path;
    }
    CHECK(found != NULL);
    return found;
}

/* As heat.py calls: main runs a rod, whose ten steps look at 18 neighbours each. */
static void call_paths(void)
{
    struct bytes file = read_file(FIXTURES "single/profile.cubex");
    struct cubex_profile profile;
    CHECK(read_exact(file.data, file.len, &profile) == 0);
    free(file.data);
    CHECK(profile.paths[0].parent == CUBEX_NO_PARENT && profile.paths[0].visits == 1);
    CHECK(path_of(&profile, "__main__:main", "__main__.Rod:run")->visits == 1);
    CHECK(path_of(&profile, "__main__.Rod:run", "__main__:step")->visits == 10);
    const struct cubex_path *leaf = path_of(&profile, "__main__:step", "__main__:neighbours");
    CHECK(leaf->visits == 180 && near(leaf->inclusive_s, 5.34569e-05) && near(leaf->exclusive_s, 5.34569e-05));
    double exclusive_s = 0;
    for (size_t i = 0; i < profile.path_count; i++)
        exclusive_s += profile.paths[i].exclusive_s;
    CHECK(fabs(exclusive_s - profile.paths[0].inclusive_s) < 1e-9);
    cubex_finish(&profile);
}

static void fixtures(void)
{
    fixture(FIXTURES "single/profile.cubex", FIXTURES "single/profile.csv", 9, 1);
    fixture(FIXTURES "threads/profile.cubex", FIXTURES "threads/profile.csv", 35, 3);
    fixture(FIXTURES "ranks/profile.cubex", FIXTURES "ranks/profile.csv", 13, 2);

    struct bytes file = read_file(FIXTURES "threads/profile.cubex");
    struct cubex_profile profile;
    CHECK(read_exact(file.data, file.len, &profile) == 0);
    free(file.data);
    static const char *const first[] = {"python3.11", "__main__:main", "__main__.Rod:__init__"};
    for (size_t i = 0; i < 3; i++)
        CHECK(strcmp(profile.regions[i].name, first[i]) == 0);
    is_region(&profile.regions[0], "python3.11", "", -1, "measurement", "artificial");
    is_region(region_of(&profile, "__main__:<listcomp>"), "__main__:<listcomp>", "/home/user/demo/heat.py",
              40, "user:__main__", "function");
    cubex_finish(&profile);
}

/* Cut anywhere before the two empty blocks at its end, a file is broken; with any one byte of it another, it
 * is read or refused. */
static void truncated(void)
{
    struct bytes file = read_file(FIXTURES "single/profile.cubex");
    size_t end = 0;
    for (size_t i = 0; i < file.len; i++)
        if (file.data[i])
            end = i + 1;
    end = (end + BLOCK - 1) / BLOCK * BLOCK + 2 * BLOCK;
    CHECK(end <= file.len && error_of(file.data, end) == 0);
    for (size_t len = 0; len < end; len++)
        CHECK(error_of(file.data, len) == -EPROTO);
    for (size_t i = 0; i < end; i++) {
        file.data[i] ^= (unsigned char)(1u << (i % 8));
        int result = error_of(file.data, end);
        CHECK(result == 0 || result == -EPROTO || result == -ENOTSUP || result == -E2BIG);
        file.data[i] ^= (unsigned char)(1u << (i % 8));
    }
    free(file.data);
}

/* --- a file made here ------------------------------------------------------------------------------ */

#define NAME_OF_A "A<\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80> & &unknown; &#0; &#xD800; &#x110000; &#0000000065;"

static void read_made(unsigned without_visits, unsigned without_time, struct cubex_profile *profile)
{
    struct parts parts;
    fill(&parts, without_visits, without_time);
    struct archive archive = build(&parts);
    CHECK(read_exact(archive.data, archive.len, profile) == 0);
    CHECK(profile->region_count == 3 && profile->location_count == COLUMNS);
    free(archive.data);
}

static void made(void)
{
    struct cubex_profile profile;
    read_made(0, 0, &profile);
    has(&profile, 0, "C", 9, 35, 35);
    has(&profile, 1, NAME_OF_A, 11, 103, 43);
    has(&profile, 2, "B", 8, 68, 30);
    is_region(&profile.regions[0], "C", "c.py", 7, "", "");
    is_region(&profile.regions[1], NAME_OF_A, "\"a\" &lt; 'b'", 12, "mpi", "barrier");
    is_region(&profile.regions[2], "B", "", -1, "", "");
    cubex_finish(&profile);

    /* The visits of the sixth are none anyway. Of the time, row 5 is that of the fourth. */
    read_made(1 << 5, 1 << 5, &profile);
    has(&profile, 0, "C", 9, 25, 25);
    has(&profile, 1, NAME_OF_A, 11, 103, 53);
    has(&profile, 2, "B", 8, 68, 30);
    cubex_finish(&profile);
}

/* Recursion as deep as it may be, with a visit and a second in each of the call paths. */
static void deep(void)
{
    static const unsigned char end[2 * BLOCK];
    size_t depth = CUBEX_MAX_DEPTH - 2;
    struct archive anchor = {0}, data[2] = {{0}, {0}}, file = {0};
    add_bytes(&anchor, HEAD METRICS "<program>" REGIONS, strlen(HEAD METRICS "<program>" REGIONS));
    for (size_t i = 0; i < depth; i++)
        add_bytes(&anchor, "<cnode calleeId=\"5\">", 20);
    for (size_t i = 0; i < depth; i++)
        add_bytes(&anchor, "</cnode>", 8);
    add_bytes(&anchor, "</program>" SYSTEM "</cube>", strlen("</program>" SYSTEM "</cube>"));
    for (size_t m = 0; m < 2; m++) {
        add_bytes(&data[m], "CUBEX.DATA", 10);
        for (size_t i = 0; i < depth; i++) {
            double left = (double)(depth - i);
            uint64_t row[COLUMNS] = {m == 0, 0};
            if (m == 1)
                memcpy(row, &left, sizeof left);
            add_bytes(&data[m], row, sizeof row);
        }
    }
    add_member(&file, "anchor.xml", anchor.data, anchor.len);
    add_member(&file, "3.index", "CUBEX.INDEX\1\0\0\0\0\0\3", 18);
    add_member(&file, "17.index", "CUBEX.INDEX\1\0\0\0\0\0\3", 18);
    add_member(&file, "3.data", data[0].data, data[0].len);
    add_member(&file, "17.data", data[1].data, data[1].len);
    add_bytes(&file, end, sizeof end);
    struct cubex_profile profile;
    CHECK(read_exact(file.data, file.len, &profile) == 0 && profile.region_count == 1);
    has(&profile, 0, "C", depth, (double)depth, (double)depth);
    cubex_finish(&profile);
    free(anchor.data);
    free(data[0].data);
    free(data[1].data);
    free(file.data);
}

int main(void)
{
    test_limit(120);
    fixtures();
    call_paths();
    truncated();
    made();
    deep();
    return 0;
}
