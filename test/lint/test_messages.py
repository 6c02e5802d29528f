# SPDX-License-Identifier: BSD-3-Clause
# not sanitized
"""Messages of the C code are whole sentences: those that the library and the host give to users by the functions below."""

from __future__ import annotations

import re
import unittest

import messages

# Each takes a message as a whole; what others take may be a part of one.
SENTENCES = ("failure_set", "log_print", "log_set", "usage_error", "decision_refuse", "answers_give_error", "job_fail")
# A sentence may begin with what a placeholder stands for, or with an option.
BEGINNING = re.compile(r"[A-Z\"%\-]|\W*=%s")
# Parts of messages, which these functions put together.
PARTS = ("there are too many, or they are too long",)


class Messages(unittest.TestCase):
    def test_they_are_sentences(self) -> None:
        found = [one for one in messages.messages() if one.speaker in SENTENCES and " " in one.text]
        self.assertGreater(len(found), 80)
        wrong = [str(one) for one in found if one.text not in PARTS and not BEGINNING.match(one.text)]
        self.assertEqual(wrong, [], "these messages do not begin as a sentence does")

    def test_the_list_finds_what_is_said(self) -> None:
        text = 'int f(void)\n{\n    /* "not this one here" */\n    return failure_set(e, -1, "It is "\n        "gone: %s.", x);\n}\n'
        (one,) = messages.c_messages("a.c", text)
        self.assertEqual((one.line, one.speaker, one.text), (4, "failure_set", "It is gone: %s."))
        (one,) = messages.python_messages("a.py", '"""Not this one here."""\nraise NotMeasured(f"The cell {x} was not run.")\n')
        self.assertEqual((one.line, one.speaker, one.text), (2, "raise NotMeasured", "The cell {x} was not run."))


if __name__ == "__main__":
    unittest.main()
