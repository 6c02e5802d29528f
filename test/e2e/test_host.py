#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The Jupyter host, spoken to by a real client, with a plugin that needs no Python."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import unittest
from typing import Any, List

from host_process import ECHO, HOST, HostCase, KernelCase, connection_with
from processes import PATIENCE, alive, until


def kinds(outputs: List[tuple]) -> List[str]:
    return [kind for kind, _ in outputs]


class Cells(KernelCase):
    def test_kernel_info(self) -> None:
        for channel in ("shell", "control"):
            request = self.send("kernel_info_request", {}, channel)
            content = self.reply(request, channel)["content"]
            self.assertEqual((content["status"], content["protocol_version"]), ("ok", "5.3"))
            self.assertEqual(content["implementation"], "echo")
            self.assertEqual(self.outputs(request), [])

    def test_output_comes_between_busy_and_idle(self) -> None:
        request = self.cell("stdout grüße")
        self.assertEqual(
            self.outputs(request),
            [
                ("execute_input", {"code": "stdout grüße", "execution_count": 1}),
                ("stream", {"name": "stdout", "text": "grüße"}),
            ],
        )
        reply = self.reply(request)
        self.assertEqual((reply["msg_type"], reply["content"]["status"]), ("execute_reply", "ok"))
        self.assertEqual(reply["content"]["execution_count"], 1)
        self.assertEqual(reply["metadata"]["status"], "ok")
        self.assertIn("started", reply["metadata"])

    def test_execution_count(self) -> None:
        self.assertEqual(self.result("count"), 1)
        self.assertEqual(self.result("count"), 2)
        self.assertEqual(self.result("count", store_history=False), 3)
        request = self.cell("count", silent=True)
        self.assertEqual(kinds(self.outputs(request)), ["execute_result"], "a silent cell's input is not shown")
        self.reply(request)
        request = self.cell(" \n")
        self.outputs(request)
        self.reply(request)
        self.assertEqual(self.result("count"), 3, "neither was counted")

    def test_metadata_reaches_the_cell(self) -> None:
        request = self.send("execute_request", {"code": "metadata"}, metadata={"cellId": "abc"})
        self.reply(request)
        told = dict(self.outputs(request))["execute_result"]["data"]["echo"]
        header = told.pop("scorepkernel_header")
        self.assertEqual((told, header["msg_id"], header["msg_type"]), ({"cellId": "abc"}, request, "execute_request"))
        request = self.send("execute_request", {"code": "metadata"})
        self.reply(request)
        told = dict(self.outputs(request))["execute_result"]["data"]["echo"]
        self.assertEqual((list(told), told["scorepkernel_header"]["msg_id"]), (["scorepkernel_header"], request))

    def test_error(self) -> None:
        request = self.cell("error")
        content = self.reply(request)["content"]
        self.assertEqual((content["status"], content["ename"], content["execution_count"]), ("error", "EchoError", 1))
        self.assertEqual(kinds(self.outputs(request)), ["execute_input", "error"])

    def failing_with_others_behind(self, **options: Any) -> List[tuple]:
        """Status by request, in the order of the replies, after a failing cell with others behind it."""
        names = {self.cell("sleep", **options): "sleep"}
        self.until_stream("waiting")
        names[self.cell("result a")] = "a"
        names[self.kc.complete("x", 1)] = "complete"
        names[self.cell("result b")] = "b"
        self.arrived()
        self.assertEqual(self.control("interrupt_request")["content"], {"status": "ok"})
        replies = [self.reply() for _ in names]
        for request in names:
            own = [m for m in self.published(request) if m["parent_header"].get("msg_id") == request]
            if names[request] != "sleep":
                self.assertEqual(own[0]["content"], {"execution_state": "busy"})
        return [(names[r["parent_header"]["msg_id"]], r["content"].get("status")) for r in replies]

    def test_error_aborts_waiting_cells_in_order(self) -> None:
        self.assertEqual(
            self.failing_with_others_behind(),
            [("sleep", "error"), ("a", "aborted"), ("complete", None), ("b", "aborted")],
        )
        self.assertEqual(self.result("count"), 2, "cells that were not run do not count")

    def test_stop_on_error_false(self) -> None:
        self.assertEqual(
            self.failing_with_others_behind(stop_on_error=False),
            [("sleep", "error"), ("a", "ok"), ("complete", None), ("b", "ok")],
        )

    def test_a_cell_sent_after_the_error_runs(self) -> None:
        for _ in range(50):
            self.assertEqual(self.reply(self.cell("error"))["content"]["status"], "error")
            self.assertEqual(self.reply(self.cell("result a"))["content"]["status"], "ok")

    def test_other_requests_pass_their_content(self) -> None:
        for kind, content in (
            ("complete_request", {"code": "abc", "cursor_pos": 2}),
            ("inspect_request", {"code": "abc", "cursor_pos": 2, "detail_level": 1}),
            ("is_complete_request", {"code": "abc"}),
            ("history_request", {"hist_access_type": "tail", "n": 3, "raw": True, "output": False}),
            ("comm_info_request", {"target_name": "x"}),
        ):
            request = self.send(kind, content)
            reply = self.reply(request)
            self.assertEqual(reply["msg_type"], kind.replace("request", "reply"))
            self.assertEqual(reply["content"], content)
            self.assertEqual(self.outputs(request), [])

    def test_connect_request(self) -> None:
        content = self.reply(self.send("connect_request", {}))["content"]
        for name in ("shell_port", "iopub_port", "stdin_port", "hb_port", "control_port"):
            self.assertEqual(content[name], self.connection[name])

    def test_late_output_keeps_its_parent(self) -> None:
        first = self.cell("late tick")
        self.published(first)
        second = self.cell("stdout tock")
        streams = [m for m in self.published(second) if m["msg_type"] == "stream"]
        self.assertEqual(
            [(m["content"]["text"], m["parent_header"]["msg_id"]) for m in streams], [("tick", first), ("tock", second)]
        )

    def test_two_clients(self) -> None:
        other = self.connect()
        request = self.cell("input mine?")
        with self.assertRaises(Exception):
            other.get_stdin_msg(timeout=0.2)
        self.assertEqual(self.kc.get_stdin_msg(timeout=PATIENCE)["content"]["prompt"], "mine?")
        self.kc.input("yes")
        self.assertEqual(self.reply(request)["content"]["status"], "ok")

    def test_large_display(self) -> None:
        request = self.cell("display 5000000")
        self.assertEqual(len(dict(self.outputs(request))["display_data"]["data"]["text/plain"]), 5000000)


class Input(KernelCase):
    def asked(self, code: str) -> tuple:
        request = self.cell(code)
        return request, self.kc.get_stdin_msg(timeout=PATIENCE)

    def answer_of(self, request: str) -> Any:
        self.assertEqual(self.reply(request)["content"]["status"], "ok")
        return dict(self.outputs(request))["execute_result"]["data"]["echo"]

    def test_answer(self) -> None:
        request, question = self.asked("input name?")
        self.assertEqual(question["content"], {"prompt": "name?", "password": False})
        self.assertEqual(question["parent_header"]["msg_id"], request)
        self.kc.input("Ada")
        self.assertEqual(self.answer_of(request), "Ada")

    def test_password(self) -> None:
        request, question = self.asked("password p?")
        self.assertEqual(question["content"], {"prompt": "p?", "password": True})
        self.kc.input("secret")
        self.assertEqual(self.answer_of(request), "secret")

    def test_interrupt(self) -> None:
        request, _ = self.asked("input x")
        self.control("interrupt_request")
        self.assertEqual(self.reply(request)["content"]["ename"], "KeyboardInterrupt")
        self.kc.input("too late")
        self.arrived()
        request, _ = self.asked("input y")
        self.kc.input("in time")
        self.assertEqual(self.answer_of(request), "in time")

    def test_answer_to_another_question_is_dropped(self) -> None:
        first, old = self.asked("input x")
        self.control("interrupt_request")
        self.reply(first)
        for parent in ("question", "cell"):
            request, new = self.asked("input y")
            self.send("input_reply", {"value": "old"}, "stdin", parent=old)
            right = new["header"] if parent == "question" else {"msg_id": request}
            self.send("input_reply", {"value": "new"}, "stdin", parent={"header": right})
            self.assertEqual(self.answer_of(request), "new")

    def test_answer_without_value(self) -> None:
        request, _ = self.asked("input x")
        self.send("input_reply", {}, "stdin")
        self.assertEqual(self.answer_of(request), "")


class Control(KernelCase):
    def test_interrupt_while_running(self) -> None:
        request = self.cell("sleep")
        self.until_stream("waiting")
        self.assertEqual(self.control("interrupt_request")["content"], {"status": "ok"})
        self.assertEqual(self.reply(request)["content"]["ename"], "KeyboardInterrupt")
        self.works()

    def test_sigint_interrupts(self) -> None:
        request = self.cell("sleep")
        self.until_stream("waiting")
        self.host.send_signal(signal.SIGINT)
        self.assertEqual(self.reply(request)["content"]["ename"], "KeyboardInterrupt")
        self.works()

    def test_sigint_when_idle(self) -> None:
        self.host.send_signal(signal.SIGINT)
        self.works()

    def test_kernel_info_while_running(self) -> None:
        self.cell("sleep")
        self.until_stream("waiting")
        self.assertEqual(self.control("kernel_info_request")["content"]["implementation"], "echo")

    def test_interrupt_on_shell(self) -> None:
        """As some clients send it; behind cells that wait, too."""
        for behind in (0, 3):
            request = self.cell("sleep", stop_on_error=False)
            self.until_stream("waiting")
            waiting = [self.cell("result a") for _ in range(behind)]
            asked = self.send("interrupt_request", {})
            replies = {m["parent_header"]["msg_id"]: m["content"] for m in (self.reply() for _ in range(2 + behind))}
            self.assertEqual(replies[asked], {"status": "ok"})
            self.assertEqual(replies[request]["ename"], "KeyboardInterrupt")
            self.assertEqual([replies[one]["status"] for one in waiting], ["ok"] * behind)

    def test_control_nests_in_its_own_busy_and_idle(self) -> None:
        request = self.send("interrupt_request", {}, "control")
        self.reply(request, "control")
        self.assertEqual(self.outputs(request), [])

    def test_debug_request(self) -> None:
        reply = self.control("debug_request", {"type": "request", "command": "debugInfo"})
        self.assertEqual((reply["msg_type"], reply["content"]["status"]), ("debug_reply", "error"))

    def test_unknown_requests(self) -> None:
        for channel in ("shell", "control"):
            request = self.send("dance_request", {}, channel)
            reply = self.reply(request, channel)
            self.assertEqual((reply["msg_type"], reply["content"]["status"]), ("dance_reply", "error"))
            self.assertEqual(self.outputs(request), [])
        self.assertEqual(self.log().count("dance_request"), 2)
        self.works()


class Shutdown(KernelCase):
    def shut_down(self, channel: str, restart: bool) -> None:
        request = self.send("shutdown_request", {"restart": restart}, channel)
        expected = {"status": "ok", "restart": restart}
        self.assertEqual(self.reply(request, channel)["content"], expected)
        self.assertEqual(self.outputs(request), [("shutdown_reply", expected)])
        self.assertEqual(self.host.wait(PATIENCE), 0, self.log())

    def test_idle(self) -> None:
        self.shut_down("control", False)

    def test_restart(self) -> None:
        self.shut_down("control", True)

    def test_on_shell(self) -> None:
        self.shut_down("shell", False)

    def test_while_running(self) -> None:
        cell = self.cell("sleep")
        behind = self.cell("result a")
        self.until_stream("waiting")
        self.arrived()
        self.assertEqual(self.control("shutdown_request", {"restart": False})["content"]["status"], "ok")
        self.assertEqual(self.reply(cell)["content"]["status"], "error")
        self.assertEqual(self.reply(behind)["content"]["status"], "aborted")
        self.assertEqual(self.host.wait(PATIENCE), 0)

    def test_a_cell_that_does_not_end(self) -> None:
        cell = self.cell("stubborn")
        self.until_stream("waiting")
        self.assertEqual(self.control("shutdown_request", {"restart": False})["content"]["status"], "ok")
        self.assertEqual(self.control("kernel_info_request")["content"]["status"], "ok", "control is still served")
        self.assertEqual(self.reply(cell)["content"]["status"], "aborted")
        self.assertEqual(self.host.wait(PATIENCE), 0)

    def test_sigterm_and_sighup(self) -> None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            self.cell("sleep")
            self.until_stream("waiting")
            self.host.send_signal(number)
            self.assertEqual(self.host.wait(PATIENCE), 0)
            self.host = self.start()
            self.kc = self.connect()

    def test_sigkill_leaves_nothing(self) -> None:
        self.cell("sleep")
        self.until_stream("waiting")
        self.host.kill()
        self.host.wait()
        self.host = self.start()
        self.kc = self.connect()
        self.works()

    def test_parent_dies(self) -> None:
        self.host.terminate()
        self.host.wait(PATIENCE)
        parent = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import os, subprocess, sys\n"
                "child = subprocess.Popen(sys.argv[1:], env={**os.environ, 'JPY_PARENT_PID': str(os.getpid())},\n"
                "                         start_new_session=True)\n"
                "print(child.pid, flush=True)\n"
                "child.wait()\n",
                *(HOST, "-f", self.connection_file, "--plugin", ECHO),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert parent.stdout
        with parent.stdout:
            pid = int(parent.stdout.readline())
            self.kc = self.connect()
            self.cell("sleep")
            self.until_stream("waiting")
            parent.kill()
            parent.wait()
        until(lambda: not alive(pid), "the host has ended after its parent")

    def test_foreign_parent_pid(self) -> None:
        self.host.terminate()
        self.host.wait(PATIENCE)
        for pid in ("0", "1", "nonsense", "4194304000000", "-5"):
            self.host = self.start(JPY_PARENT_PID=pid)
            self.kc = self.connect()
            self.works()
            self.host.terminate()
            self.host.wait(PATIENCE)


class Comms(KernelCase):
    def test_from_the_kernel(self) -> None:
        request = self.cell("comm")
        message = [m for m in self.published(request) if m["msg_type"] == "comm_open"][0]
        self.assertEqual(message["content"], {"comm_id": "c1", "target_name": "echo", "data": {}})
        self.assertEqual(message["metadata"], {"version": "2"})
        self.assertEqual([bytes(b) for b in message["buffers"]], [b"\0\1\2\xff", b""])

    def test_from_the_client(self) -> None:
        for kind in ("comm_open", "comm_msg", "comm_close"):
            content = {"comm_id": "c2", "target_name": "t", "data": {"n": 1}}
            request = self.send(kind, content, metadata={"m": 2}, buffers=[b"\0\xff" * 500000, b""])
            echo = [m for m in self.published(request) if m["msg_type"] == "comm_msg"][0]
            self.assertEqual(echo["metadata"].pop("scorepkernel_header")["msg_type"], kind)
            self.assertEqual((echo["content"], echo["metadata"]), (content, {"m": 2}))
            self.assertEqual([bytes(b) for b in echo["buffers"]], [b"\0\xff" * 500000, b""])
        self.works()


class Malformed(KernelCase):
    def raw(self, frames: List[bytes], channel: str = "shell") -> None:
        import zmq

        stranger = zmq.Context.instance().socket(zmq.DEALER)
        stranger.linger = PATIENCE * 1000
        stranger.connect("tcp://127.0.0.1:%d" % self.connection[channel + "_port"])
        stranger.send_multipart(frames)
        stranger.close()

    def signed(self, *parts: bytes) -> List[bytes]:
        return [b"<IDS|MSG>", self.kc.session.sign(parts), *parts]

    def test_garbage(self) -> None:
        header = b'{"msg_id":"i","msg_type":"execute_request","session":"s","username":"u","version":"5.3"}'
        wrong = [
            [b"garbage"],
            [b""],
            [b"<IDS|MSG>"],
            [b"<IDS|MSG>", b"", b"{}", b"{}", b"{}"],
            [b"<IDS|MSG>", b"00", header, b"{}", b"{}", b"{}"],
            [b"<IDS|MSG>", b"0" * 64, header, b"{}", b"{}", b"{}"],
            [b"<IDS|MSG>", b"", header, b"{}", b"{}", b"{}"],
            self.signed(b"{", b"{}", b"{}", b"{}"),
            self.signed(b"[]", b"{}", b"{}", b"{}"),
            self.signed(b"{}", b"{}", b"{}", b"{}"),
            self.signed(b'{"msg_type":7}', b"{}", b"{}", b"{}"),
            self.signed(header, b"7", b"{}", b"{}"),
            self.signed(header, b"{}", b"[]", b"{}"),
        ]
        for channel in ("shell", "control", "stdin"):
            for number, frames in enumerate(wrong):
                before = self.log().count("was dropped")
                self.raw(frames, channel)
                until(lambda: self.log().count("was dropped") == before + 1, f"{number} on {channel} is logged once")
        self.works()

    def test_a_content_that_is_no_json_is_answered(self) -> None:
        contents = (b'{"code":"\xff"}', b'{"code":"\\ud83d"}', b"[" * 100000 + b"]" * 100000, b"", b'{"a":NaN}')
        for number, content in enumerate(contents):
            header = b'{"msg_id":"no-json-%d","msg_type":"execute_request","session":"s","version":"5.3"}' % number
            self.raw(self.signed(header, b"{}", b"{}", content), "shell")
            shown = self.outputs("no-json-%d" % number)
            self.assertEqual(kinds(shown), ["error"])
            self.assertIn("not valid JSON", shown[0][1]["evalue"])
        self.works()

    def test_wrong_key(self) -> None:
        from jupyter_client.session import Session

        stranger = Session(key=b"another")
        stranger.send(self.kc.shell_channel.socket, "execute_request", {"code": "result a", "silent": False})
        until(lambda: "signature does not match" in self.log(), "it is logged")
        self.works()

    def test_a_message_that_comes_again(self) -> None:
        session = self.kc.session
        frames = session.serialize(session.msg("execute_request", {"code": "count"}))
        self.kc.shell_channel.socket.send_multipart(frames)
        self.assertEqual(self.reply()["content"]["execution_count"], 1)
        for channel in ("shell", "control", "stdin"):
            self.raw(frames, channel)
        until(lambda: self.log().count("it has come before") == 3, "each of the copies is refused")
        self.assertEqual(self.result("count"), 2)

    def test_a_request_that_is_too_large(self) -> None:
        content = {"code": "result " + "x" * (64 << 20)}
        for kind in ("execute_request", "complete_request"):
            reply = self.reply(self.send(kind, content))["content"]
            self.assertEqual((reply["status"], reply["ename"]), ("error", "KernelError"))
            self.assertIn("larger than 64 MiB", reply["evalue"])
        self.works()

    def test_content_that_cannot_be_served(self) -> None:
        for content in ([], 7, None, "x", {}, {"code": 7}, {"code": None}):
            request = self.send("execute_request", content)
            reply = self.reply(request)["content"]
            self.assertEqual((reply["status"], reply["ename"]), ("error", "KernelError"))
            self.assertIn("content", reply["evalue"])
            self.assertEqual(kinds(self.outputs(request)), ["error"])
        for kind in ("complete_request", "inspect_request", "is_complete_request"):
            self.assertEqual(self.reply(self.send(kind, {"code": []}))["content"]["status"], "error")
        for kind in ("comm_open", "comm_msg", "comm_close"):
            self.assertEqual(self.outputs(self.send(kind, {"comm_id": 1})), [])
        self.assertEqual(self.reply(self.send("history_request", []))["content"]["status"], "error")
        self.assertEqual(self.result("count"), 1, "none of them counts")

    def test_odd_members(self) -> None:
        odd = {"code": "result a", "silent": "no", "store_history": 7, "stop_on_error": [], "allow_stdin": {}}
        self.assertEqual(self.reply(self.send("execute_request", odd))["content"]["status"], "ok")

    def test_the_same_message_type_with_a_long_name(self) -> None:
        self.send("x" * 100000 + "_request", {})
        self.works()


class Library(KernelCase):
    def test_refused_request(self) -> None:
        request = self.cell("refuse")
        self.assertEqual(self.reply(request)["content"]["evalue"], "echo will not")
        self.assertEqual(kinds(self.outputs(request)), ["execute_input", "error"])
        self.assertEqual(self.result("count"), 1)

    def test_reply_that_is_no_json(self) -> None:
        self.assertEqual(self.reply(self.cell("badreply"))["content"]["status"], "error")
        self.assertEqual(self.reply(self.cell("baddisplay"))["content"]["status"], "ok")
        self.works()

    def test_worker_dies_idle(self) -> None:
        for code, text in (("die", "the worker died idle"), ("fail", "no Python here")):
            request = self.cell(code)
            message = self.until_stream(text)
            self.assertEqual(message["content"]["name"], "stderr")
            self.assertEqual(message["parent_header"]["msg_id"], request)
            self.reply(request)

    def test_worker_dies_in_a_cell(self) -> None:
        request = self.cell("diebusy")
        self.assertEqual(kinds(self.outputs(request)), ["execute_input", "error"], "the error says it")
        self.reply(request)

    def test_broken_library(self) -> None:
        cell = self.cell("broken")
        self.assertEqual(self.host.wait(PATIENCE), 1)
        self.assertIn("echo is broken", self.log())
        self.assertLess(self.log().count("\n"), 100)
        self.assertEqual(self.reply(cell)["content"]["status"], "ok")


class NoPython(KernelCase):
    environment = {"ECHO_PLUGIN": "nopython"}

    def test_the_reason_reaches_the_user(self) -> None:
        content = self.reply(self.send("kernel_info_request", {}))["content"]
        self.assertEqual((content["status"], content["protocol_version"]), ("ok", "5.3"))
        self.assertEqual(content["language_info"]["name"], "python")
        self.assertEqual(self.reply(self.cell("result a"))["content"]["ename"], "NoPython")


class Ipc(KernelCase):
    transport = "ipc"

    def test_cell(self) -> None:
        self.works()
        self.host.terminate()
        self.assertEqual(self.host.wait(PATIENCE), 0)
        self.assertEqual([name for name in os.listdir(self.directory) if name.startswith("channel")], [])


class Unsigned(KernelCase):
    key = b""

    def test_any_signature_will_do(self) -> None:
        from jupyter_client.session import Session

        self.works()
        signing = Session(key=b"some key", session=self.kc.session.session)
        content = {"code": "stdout signed", "silent": False}
        signing.send(self.kc.shell_channel.socket, "execute_request", content)
        self.until_stream("signed")


class Starting(HostCase):
    def refused(self, *arguments: str, status: int = 1, **environment: str) -> str:
        done = self.command(*arguments, **environment)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, "one message: " + done.stderr)
        return done.stderr

    def test_usage(self) -> None:
        self.assertIn("--wrong", self.refused("--wrong", status=2))
        self.assertIn("-x", self.refused("-x", status=2))
        self.assertIn("-f", self.refused("-f", status=2))
        self.assertIn("extra", self.refused("extra", status=2))
        self.assertIn("nothing to do", self.refused(status=2))
        self.assertIn("--wrong", self.refused("install", "--wrong", status=2))
        self.assertIn("extra", self.refused("install", "extra", status=2))
        self.assertIn("Only one of --user", self.refused("install", "--user", "--prefix", "x", status=2))
        self.assertIn("scorepkernel install", self.command("--help").stdout)
        self.assertIn("scorepkernel install", self.command("install", "--help").stdout)
        self.assertRegex(self.command("--version").stdout, r"^scorepkernel \d+\.\d+\.\d+\n$")

    def test_plugin(self) -> None:
        file = connection_with(os.path.join(self.directory, "c.json"))
        text = os.path.join(self.directory, "text.so")
        with open(text, "w") as out:
            out.write("this is no library\n")
        with open("/proc/self/maps") as maps:
            other = next(line.split()[-1] for line in maps if "/libc.so" in line or "/libc-" in line)
        for plugin, expected in (
            ("/no/such.so", "The library /no/such.so cannot be read"),
            (text, "The library cannot be loaded"),
            (other, "no symbol spk_plugin_entry"),
        ):
            self.assertIn(expected, self.refused("-f", file, "--plugin", plugin))
        for unfit, expected in (("null", "version 1"), ("abi", "version 1"), ("short", "is too old for this program")):
            self.assertIn(expected, self.refused("-f", file, "--plugin", ECHO, ECHO_PLUGIN=unfit))

    def test_connection_file(self) -> None:
        path = os.path.join(self.directory, "c.json")
        self.assertIn("No such file", self.refused("-f", path, "--plugin", ECHO))
        self.assertIn("Is a directory", self.refused("-f", self.directory, "--plugin", ECHO))
        for text in ("", "{", "not json", "{}" * 50000, "[" * 1000):
            with open(path, "w") as out:
                out.write(text)
            self.assertIn("connection file", self.refused("-f", path, "--plugin", ECHO))
        members: List[tuple] = [
            ({"shell_port": None}, '"shell_port"'),
            ({"hb_port": None}, '"hb_port"'),
            ({"key": None}, '"key"'),
            ({"key": 7}, '"key"'),
            ({"iopub_port": -1}, '"iopub_port"'),
            ({"iopub_port": 65536}, '"iopub_port"'),
            ({"control_port": "80"}, '"control_port"'),
            ({"transport": "carrier pigeon"}, '"transport"'),
            ({"transport": "udp"}, "udp"),
            ({"signature_scheme": "hmac-rot13"}, "hmac-rot13"),
            ({"ip": ""}, '"ip"'),
            ({"ip": "x" * 600}, '"ip"'),
            ({"ip": "256.1.1.1"}, "256.1.1.1"),
        ]
        for wrong, expected in members:
            connection_with(path, **wrong)
            self.assertIn(expected, self.refused("-f", path, "--plugin", ECHO))

    def test_unreadable_connection_file(self) -> None:
        if os.geteuid() == 0:
            self.skipTest("root may read everything")
        path = connection_with(os.path.join(self.directory, "c.json"))
        os.chmod(path, 0)
        self.assertIn("Permission denied", self.refused("-f", path, "--plugin", ECHO))

    def test_port_in_use(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            path = connection_with(os.path.join(self.directory, "c.json"), stdin_port=port)
            message = self.refused("-f", path, "--plugin", ECHO)
        self.assertIn(f"127.0.0.1:{port} (stdin_port): Address already in use", message)


if __name__ == "__main__":
    unittest.main(verbosity=2)
