#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# not sanitized
"""What libraries ask of a notebook's kernel object and shell, as ipykernel's are; and errors that a cell got over."""

from __future__ import annotations

import os
import unittest

from kernel import KernelCase
from measuring import SCOREP


class NotebookKernel(KernelCase):
    def test_the_message_that_runs(self) -> None:
        """Libraries name the message whose outputs they want."""
        self.ok("shell = get_ipython()")
        questions = ("shell.kernel.get_parent()", "shell.get_parent()", "shell.parent_header", "shell.kernel._parent_header")
        for asked in questions:
            request = self.kc.execute(f"message = {asked}\n(message['header']['msg_id'], message['content']['code'])")
            outputs = self.outputs_of(request)
            self.assertEqual(self.reply_of(request)["status"], "ok")
            said = next(m["content"]["data"]["text/plain"] for m in outputs if m["msg_type"] == "execute_result")
            self.assertIn(request, said)
            self.assertIn(asked, said)
        other = "{'header': {'msg_id': 'x'}}"
        self.assertEqual(self.ok(f"shell.set_parent({other}); shell.get_parent()").result, other)
        self.assertEqual(self.ok("shell.kernel.shell is shell").result, "True")

    def test_a_thread_keeps_its_own(self) -> None:
        self.ok(
            "import threading\nseen, go = [], threading.Event()\ndef ask():\n    go.wait()\n"
            "    seen.append(get_ipython().kernel.get_parent()['content']['code'])\n"
            "thread = threading.Thread(target=ask); thread.start()  # the first"
        )
        self.ok("go.set(); thread.join()  # the second")
        self.assertIn("# the first", self.ok("print(seen[0])").text())

    def test_messages_of_libraries(self) -> None:
        send = "get_ipython().kernel.session.send(get_ipython().kernel.iopub_socket, "
        outcome = self.ok(send + "'display_data', {'data': {'text/plain': 'sent'}, 'metadata': {}})")
        self.assertEqual(outcome.of("display_data")[0]["data"], {"text/plain": "sent"})
        outcome = self.ok(send + "'stream', {'name': 'stderr', 'text': 'words'})")
        self.assertEqual(outcome.text("stderr"), "words")
        outcome = self.ok(send + "{'msg_type': 'clear_output', 'content': {'wait': True}})")
        self.assertEqual(outcome.of("clear_output"), [{"wait": True}])
        self.assertIn("cannot be sent", self.fails(send + "'status', {})", "ValueError").reply["evalue"])

    def test_hooks_of_displays(self) -> None:
        self.ok(
            "seen, keep = [], True\ndef hook(message):\n    seen.append(message['content']['data'])\n"
            "    return message if keep else None\nget_ipython().display_pub.register_hook(hook)"
        )
        self.assertEqual(len(self.ok("display(1)").of("display_data")), 1)
        self.assertEqual(len(self.ok("keep = False\ndisplay(2)").of("display_data")), 0)
        self.assertEqual(self.ok("get_ipython().display_pub.unregister_hook(hook)").result, "True")
        self.assertEqual(len(self.ok("display(3)").of("display_data")), 1)
        self.assertEqual(self.ok("seen").result, "[{'text/plain': '1'}, {'text/plain': '2'}]")

    def test_output_widgets_capture(self) -> None:
        outcome = self.run_cell("import comm, ipywidgets\nout = ipywidgets.Output()")
        if outcome.reply["status"] != "ok":
            self.skipTest(f"the kernel's Python has no ipywidgets, or no comm: {outcome.reply['evalue']}")
        for begin in ("", SCOREP):
            request = self.kc.execute(f"{begin}with out:\n    print('within')")
            messages = self.outputs_of(request)
            self.assertEqual(self.reply_of(request)["status"], "ok")
            states = [m["content"]["data"]["state"]["msg_id"] for m in messages if "msg_id" in str(m["content"])]
            self.assertEqual(states[:2], [request, ""])
        self.assertEqual(self.run_cell("with out: 1/0").reply["status"], "ok")

    def test_errors_that_were_got_over(self) -> None:
        shown = "try:\n    1/0\nexcept ZeroDivisionError:\n    get_ipython().showtraceback()\n"
        bad = os.path.join(self.work, "bad.py")
        with open(bad, "w") as file:
            file.write("1/0\n")
        for code in (shown + "x = 1", f"%run {bad}", "%%capture captured\n1/0", "%tb"):
            for begin in ("", SCOREP):
                with self.subTest(code=code, begin=begin):
                    self.ok(begin + code)
        self.fails(shown + "int('x')", "ValueError")

    def test_magics(self) -> None:
        path = os.path.join(self.work, "text.txt")
        with open(path, "w") as file:
            file.write("a page\n")
        for magic in ("less", "more"):
            reply = self.ok(f"%{magic} {path}").reply
            self.assertEqual(reply["payload"][0]["data"]["text/plain"], "a page\n")
        os.mkfifo(os.path.join(self.work, "pipe"))
        for line in ("less", "less /nowhere", f"less {self.work}/pipe", "autosave 10"):
            self.assertIn(line.split()[0], self.run_cell(f"%{line}").text("stderr"))
        self.ok("%man true")


if __name__ == "__main__":
    unittest.main()
