/* SPDX-License-Identifier: BSD-3-Clause
 *
 * replay.c - runs a fuzz target with each input of its corpus, and with none at all. Passes when all come
 * back.
 */
#include "fuzz.h"

#include "test.h"

static void replay(const char *path)
{
    FILE *file = fopen(path, "rbe");
    CHECK(file && fseek(file, 0, SEEK_END) == 0);
    long size = ftell(file);
    CHECK(size >= 0 && fseek(file, 0, SEEK_SET) == 0);
    /* Just as long as it is, so that reading behind it is found. */
    uint8_t *data = malloc(size ? (size_t)size : 1);
    CHECK(data && fread(data, 1, (size_t)size, file) == (size_t)size);
    fclose(file);
    LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
}

int main(void)
{
    test_limit(250);
    DIR *corpus = opendir(FUZZ_CORPUS);
    if (!corpus)
        test_failed(FUZZ_CORPUS, 0, "there is a corpus here");
    int count = 0;
    for (const struct dirent *entry; (entry = readdir(corpus));) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", FUZZ_CORPUS, entry->d_name);
        replay(path);
        count++;
    }
    closedir(corpus);
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    CHECK(count > 0);
    return 0;
}
