/* SPDX-License-Identifier: BSD-3-Clause
 *
 * frame.h - the codec of what crosses the sockets between library, keeper and workers. Pure.
 *
 * A frame is a header of FRAME_HEADER_LEN bytes and a payload of parts. Everything is little-endian:
 *
 *     offset 0  u32  length of the payload in bytes, at most FRAME_MAX_LEN
 *            4  u16  type (frames.def)
 *            6  u16  number of file descriptors that come with the frame, at most FRAME_MAX_FDS
 *            8  u64  request, or the id of a process
 *           16  u64  barrier: the mark in the output pipes that this frame comes after; 0: none
 *     part   0  u32  length of the part, then its bytes
 */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include "base/buffer.h"
#include "scorepkernel.h"

#define FRAME_HEADER_LEN ((size_t)24)
#define FRAME_MAX_LEN ((size_t)128 << 20)
#define FRAME_MAX_FDS 8

struct frame {
    uint16_t type;
    uint16_t fds;
    uint64_t request;
    uint64_t barrier;
    const unsigned char *payload; /* borrowed from whoever decoded it */
    size_t len;
};

/** Read a header. 0, or -EPROTO when it exceeds a maximum. frame->payload is left NULL. */
int frame_decode_header(const unsigned char header[24], struct frame *frame);

/** Take the next part off the payload. 1: *part is set, borrowed from the payload; 0: there is none left;
 *  -EPROTO: the payload is malformed. */
int frame_next_part(struct frame *frame, struct spk_text *part);

/** Append a frame to out: begin it, add its parts, end it. On failure (-ENOMEM, -EMSGSIZE) out is as before
 *  frame_begin. *mark is where the frame begins, to be handed on. */
int frame_begin(struct buffer *out, size_t *mark, uint16_t type, uint64_t request);
int frame_add(struct buffer *out, size_t mark, const void *data, size_t len);
void frame_end(struct buffer *out, size_t mark, uint16_t fds);

/** The same in one call, for count parts. */
int frame_append(struct buffer *out, uint16_t type, uint64_t request, uint16_t fds,
                 const struct spk_text *parts, size_t count);

/** Append a frame that has the payload of another. As frame_append. */
int frame_append_payload(struct buffer *out, uint16_t type, uint64_t request, struct spk_text payload);

/** Integers in parts. The fallback when the part is not that long. */
void frame_put_u32(unsigned char *at, uint32_t value);
void frame_put_u64(unsigned char *at, uint64_t value);
uint32_t frame_u32(struct spk_text part, uint32_t fallback);
uint64_t frame_u64(struct spk_text part, uint64_t fallback);

#endif
