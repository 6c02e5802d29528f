/* SPDX-License-Identifier: BSD-3-Clause
 *
 * otf2_errors: see otf2_errors.h. */
#include "tracer/otf2/otf2_errors.h"

#include <errno.h>
#include <otf2/otf2.h>
#include <stdarg.h>
#include <stddef.h>

static int errno_of(OTF2_ErrorCode code)
{
    static const struct {
        OTF2_ErrorCode otf2;
        int code;
    } known[] = {
        {OTF2_ERROR_EACCES, EACCES},
        {OTF2_ERROR_EDQUOT, EDQUOT},
        {OTF2_ERROR_EEXIST, EEXIST},
        {OTF2_ERROR_EFBIG, EFBIG},
        {OTF2_ERROR_EINTR, EINTR},
        {OTF2_ERROR_EIO, EIO},
        {OTF2_ERROR_EMFILE, EMFILE},
        {OTF2_ERROR_ENAMETOOLONG, ENAMETOOLONG},
        {OTF2_ERROR_ENFILE, ENFILE},
        {OTF2_ERROR_ENOENT, ENOENT},
        {OTF2_ERROR_ENOMEM, ENOMEM},
        {OTF2_ERROR_MEM_FAULT, ENOMEM},
        {OTF2_ERROR_MEM_ALLOC_FAILED, ENOMEM},
        {OTF2_ERROR_ENOSPC, ENOSPC},
        {OTF2_ERROR_ENOTDIR, ENOTDIR},
        {OTF2_ERROR_EPERM, EPERM},
        {OTF2_ERROR_EROFS, EROFS},
        {OTF2_ERROR_ESTALE, ESTALE},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].otf2 == code)
            return known[i].code;
    return EIO;
}

static OTF2_ErrorCode note_error(void *sink, const char *file, uint64_t line, const char *function,
                                 OTF2_ErrorCode code, const char *format, va_list arguments)
{
    (void)file;
    (void)line;
    if (sink && code > OTF2_SUCCESS) {
        char text[192] = "";
        if (format)
            (void)vsnprintf(text, sizeof text, format, arguments);
        char detail[256];
        (void)snprintf(detail, sizeof detail, "%s (%s)", text, function);
        fault_note(sink, errno_of(code), detail);
    }
    return code;
}

void otf2_errors_to(struct fault *sink)
{
    (void)OTF2_Error_RegisterCallback(note_error, sink);
}
