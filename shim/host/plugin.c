/* SPDX-License-Identifier: BSD-3-Clause
 *
 * plugin.c - finds and loads libscorepkernel.so. Calls nothing in it but its entry.
 */
#include "shim/host/plugin.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shim/common/environment.h"
#include "shim/common/log.h"

#define REMEDY "Reinstall libscorepkernel, or name its library with --plugin PATH"

static const struct spk_plugin *check(const struct spk_plugin *plugin, const char *path,
                                      struct spk_error *error)
{
    if (!plugin || plugin->abi != SPK_ABI) {
        log_set(error, -EPROTO,
                "%s does not speak version %u of the plugin interface, as this program does. Install "
                "both from one release of libscorepkernel.",
                path, SPK_ABI);
        return NULL;
    }
    if (!SPK_HAS(plugin, destroy)) {
        log_set(error, -EPROTO, "%s is too old for this program: its table of functions has %u bytes. %s.",
                path, plugin->size, REMEDY);
        return NULL;
    }
    return plugin;
}

const struct spk_plugin *plugin_load(const char *path, struct spk_error *error)
{
    char beside[ENVIRONMENT_PATH_MAX];
    if (!path) {
        if (environment_beside("../lib/libscorepkernel.so", beside, error))
            return NULL;
        path = beside;
    }
    /* dlopen would look a bare name up in the system's directories; a path is meant. */
    char absolute[ENVIRONMENT_PATH_MAX];
    int wanted = snprintf(absolute, sizeof absolute, "%s%s", strchr(path, '/') ? "" : "./", path);
    if (wanted < 0 || wanted >= ENVIRONMENT_PATH_MAX || access(absolute, R_OK) < 0) {
        log_set(error, -ENOENT, "The library %s cannot be read: %s. %s.", path, log_reason(-errno), REMEDY);
        return NULL;
    }
    void *library = dlopen(absolute, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is no other thread yet */
        log_set(error, -ELIBBAD, "The library cannot be loaded: %s. %s.", dlerror(), REMEDY);
        return NULL;
    }
    spk_plugin_entry_fn *entry = NULL;
    /* POSIX's way to get a function out of an object pointer, which ISO C does not convert. */
    *(void **)&entry = dlsym(library, SPK_PLUGIN_ENTRY);
    if (!entry) {
        log_set(error, -ENOEXEC, "%s is not libscorepkernel: it has no symbol %s. %s.", path,
                SPK_PLUGIN_ENTRY, REMEDY);
        (void)dlclose(library);
        return NULL;
    }
    const struct spk_plugin *plugin = check(entry(SPK_ABI), path, error);
    if (!plugin)
        (void)dlclose(library);
    return plugin;
}
