# SPDX-License-Identifier: BSD-3-Clause
import multiprocessing
import os


def leaf(n):
    return n


def work(n):
    for i in range(n):
        leaf(i)
    return n


def answer(connection, n):
    connection.send(work(n))
    connection.close()


def fails():
    leaf(1)
    os._exit(3)


fork = multiprocessing.get_context("fork")
here, there = fork.Pipe()
children = [fork.Process(target=answer, args=(there, 5)), fork.Process(target=work, args=(6,)), fork.Process(target=fails)]
for child in children:
    child.start()
    work(1)
print(here.recv())
for child in children:
    child.join()
print([child.exitcode for child in children])
pid = os.fork()
if pid == 0:
    work(7)
    os._exit(0)
work(2)
print(os.waitpid(pid, 0)[1])
leaf(0)
