# SPDX-License-Identifier: BSD-3-Clause
import asyncio


def leaf(n):
    return n


async def inner(n):
    await asyncio.sleep(0)
    return leaf(n)


async def middle(n):
    first = await inner(n)
    second = await inner(n + 1)
    return first + second


async def fails(n):
    await asyncio.sleep(0)
    raise ValueError(leaf(n))


async def waits(event):
    try:
        await event.wait()
    finally:
        leaf("waited")


async def ticks(n):
    for i in range(n):
        await asyncio.sleep(0)
        yield leaf(i)


class Resource:
    async def __aenter__(self):
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_):
        leaf("closed")


class Countdown:
    def __init__(self, n):
        self.n = n

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self.n == 0:
            raise StopAsyncIteration
        self.n -= 1
        return leaf(self.n)


async def producer(queue):
    for i in range(3):
        await queue.put(i)
    await queue.put(None)


async def consumer(queue):
    total = 0
    while (item := await queue.get()) is not None:
        total += leaf(item)
    return total


async def main():
    print(await asyncio.gather(middle(1), middle(5), inner(9)))
    print(await asyncio.gather(fails(1), inner(2), return_exceptions=True))
    queue, event = asyncio.Queue(1), asyncio.Event()
    tasks = [asyncio.create_task(task) for task in (producer(queue), consumer(queue))]
    print(await tasks[0], await tasks[1])
    released, cancelled = asyncio.create_task(waits(event)), asyncio.create_task(waits(asyncio.Event()))
    await asyncio.sleep(0)
    cancelled.cancel()
    event.set()
    print(await asyncio.gather(released, cancelled, return_exceptions=True))
    async with Resource() as resource:
        leaf(type(resource).__name__)
    print([i async for i in ticks(3)], [i async for i in Countdown(2)])
    ticking = ticks(5)
    async for i in ticking:
        if i == 1:
            break
    await ticking.aclose()
    asyncio.get_running_loop().call_soon(leaf, "soon")
    await asyncio.sleep(0)


asyncio.run(main())
