/* SPDX-License-Identifier: BSD-3-Clause
 *
 * worker_protocol.h - what the library and a Python worker say to each other: frames (frame.h) on descriptor
 * WORKER_FD, and marks in the worker's standard output and error. worker/base/connection.py is the other side.
 *
 * Text that Python, C code or child processes write goes through the two pipes, where it has its natural
 * order. What is not text comes as frames. Marks keep the two in step: before it sends a frame, the worker
 * writes a barrier mark with a new number into both pipes and puts that number into the frame; when Python's
 * own output changes from one stream to the other, it writes a switch mark into both; when output comes
 * from a thread of an earlier cell, it is put between two parent marks. A mark is MARK_LEN bytes, written at
 * once, so never torn (PIPE_BUF): a NUL, the session's random token, a kind, and a number in hexadecimal.
 */
#ifndef WIRE_WORKER_PROTOCOL_H
#define WIRE_WORKER_PROTOCOL_H

#define WORKER_FD 3

#define MARK_TOKEN_LEN 22
#define MARK_NUMBER_LEN 16
#define MARK_LEN (1 + MARK_TOKEN_LEN + 1 + MARK_NUMBER_LEN)
#define MARK_BARRIER 'B' /* the frame with this barrier belongs here */
#define MARK_SWITCH 'S'  /* the other stream's mark of this number was written at the same time */
#define MARK_PARENT 'P'  /* what follows on this stream was caused by this request */

enum worker_frame {
    /* Library to worker. Requests have their number in the frame; each is answered by one WORKER_REPLY. */
    WORKER_SETUP = 1, /* parts: JSON {token, version, notebook?} */
    WORKER_EXECUTE,   /* parts: content, metadata, JSON {execution_count, measure?}. With {asked, settings,
                         before} it is   a question: whether these settings can be in force instead of those
                         before */
    WORKER_COMPLETE,  /* parts: content; so are the next four */
    WORKER_INSPECT,
    WORKER_IS_COMPLETE,
    WORKER_HISTORY,
    WORKER_COMM_INFO,
    WORKER_TO_COMM_OPEN, /* parts: content, metadata, buffers ...; so are the next two */
    WORKER_TO_COMM_MESSAGE,
    WORKER_TO_COMM_CLOSE,
    WORKER_INPUT_REPLY, /* parts: the line, the question's number (u32); a third: why it cannot be asked */
    WORKER_SHUTDOWN,    /* end as a Python program does */
    WORKER_INTERRUPT, /* parts: number (u32) of the SIGINT that follows it; the request is the one that it is
                         meant for, should the signal come before the worker has begun it */
    WORKER_PLAN, /* parts: JSON {process?, arguments?}: say with WORKER_LAUNCH, request 0, what a runner for
                    such cells would be, so that it can be started ahead */
    WORKER_TAKE_STATE, /* to a runner. parts: JSON, the options of the cell that comes next; descriptor: the
                          variables (persist.py) */
    WORKER_RETURN, /* to the worker that sent WORKER_LAUNCH. parts: SPK_REPLY_* (u32), content, measurement,
                      JSON of WORKER_STATE or empty; descriptor, if so: the changed variables. When the runner
                      ended instead, content is empty and measurement a text that says how */

    /* Worker to library. */
    WORKER_HELLO = 64,   /* parts: JSON {language_info, banner}; the interpreter runs */
    WORKER_READY,        /* requests can come */
    WORKER_FAILED,       /* parts: text for the user; the worker ends */
    WORKER_DISPLAY_DATA, /* parts: content; so are the next three */
    WORKER_UPDATE_DISPLAY_DATA,
    WORKER_EXECUTE_RESULT,
    WORKER_ERROR,
    WORKER_CLEAR_OUTPUT,   /* parts: wait (u32) */
    WORKER_INPUT_REQUEST,  /* parts: prompt, password (u32), number (u32): what tells this question from older
                              ones of the request; not from ranks, whose job asks for them */
    WORKER_FROM_COMM_OPEN, /* parts: content, metadata, buffers ...; so are the next two */
    WORKER_FROM_COMM_MESSAGE,
    WORKER_FROM_COMM_CLOSE,
    WORKER_REPLY,  /* parts: SPK_REPLY_* (u32), content, and for a measured cell JSON: measure.py. To a
                      question  about settings, SPK_REPLY_OK lets them pass; then JSON: the names of those that
                      stay as  they were */
    WORKER_LOG,    /* parts: SPK_LOG_* (u32), text */
    WORKER_LAUNCH, /* parts: JSON {key, argv, environment}, pid (u32) or empty, the options of
                      WORKER_TAKE_STATE. The request's cell is to run in a runner: started so, or the one of
                      that key which waits; or the forked copy that pid is. Descriptors: the variables; of a
                      copy, its socket and pipes instead */
    WORKER_STATE,  /* from a runner, before its reply. parts: JSON; descriptor: the changed variables */
    WORKER_SPARE,  /* parts: pid (u32), JSON: what it lacks (standby.c). A forked copy of the worker is parked
                      until the running cell ends. Descriptors: its socket, and the pipes of its output.
                      WORKER_SETUP on that socket makes it the worker; end of file ends it. */
    WORKER_NOT_FOR_ME, /* an interrupt came to the worker, but the request's cell runs in a runner by now */
    WORKER_TEXT,       /* from ranks (ranks/job.c). parts: SPK_STDOUT or SPK_STDERR (u32), text */
    WORKER_CELL_RAN, /* from a rank. parts: content of the error, or empty: the user's code has ended, and the
                        end of the measurement may have to wait for other ranks */
    WORKER_INPUT_WITHDRAWN, /* parts: number (u32). That question of the request waits for no answer any more
                             */
    WORKER_TAKEN, /* no parts: the request has been begun. From the session's worker only */
};

#endif
