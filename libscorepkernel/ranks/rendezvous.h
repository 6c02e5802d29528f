/* SPDX-License-Identifier: BSD-3-Clause
 *
 * rendezvous.h - how a rank's relay, on this node or another, finds its job: a listening socket, its
 * addresses, and a token that nobody else knows.
 */
#ifndef RANKS_RENDEZVOUS_H
#define RANKS_RENDEZVOUS_H

#include "scorepkernel.h"

#define RENDEZVOUS_TOKEN_LEN 32
#define RENDEZVOUS_TEXT_LEN 2048

/** Listen, on the loopback interface only or on all. *text: the token and the addresses, as rendezvous_join
 * wants them. A descriptor that does not block, to be closed by the caller, or -errno. */
int rendezvous_open(int everywhere, char text[RENDEZVOUS_TEXT_LEN]);

/** Whether word is the token of text. The time that this takes does not depend on word. */
int rendezvous_is_token(const char *text, struct spk_text word);

/** Connect. *token: the beginning of text, RENDEZVOUS_TOKEN_LEN bytes. A descriptor, to be closed by the
 * caller, or -errno of the last address that was tried; -EINVAL: text is none of ours. */
int rendezvous_join(const char *text, struct spk_text *token);

#endif
