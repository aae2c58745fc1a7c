"""async and await: coroutines, tasks, async generators and context managers, locks, queues."""

import asyncio
import contextlib

from corpus import case


async def add(a, b):
    await asyncio.sleep(0)
    return a + b


async def slow(value, turns, log=None):
    for _ in range(turns):
        await asyncio.sleep(0)
    if log is not None:
        log.append(value)
    return value


async def failing(text):
    await asyncio.sleep(0)
    raise ValueError(text)


@case((1, 2), ("a", "b"), (1, "b"))
async def awaits_a_helper(a, b):
    return await add(a, b), await add(b, a)


@case((5,))
async def gather_keeps_the_order(n):
    return await asyncio.gather(*(slow(i, n - i) for i in range(n)))


@case()
async def tasks_interleave():
    log = []
    tasks = [
        asyncio.create_task(slow(name, turns, log))
        for name, turns in [("a", 3), ("b", 1), ("c", 2)]
    ]
    done = [await task for task in tasks]
    return log, done, [task.done() for task in tasks]


@case()
async def gather_with_exceptions():
    results = await asyncio.gather(slow(1, 1), failing("no"), return_exceptions=True)
    return [result if isinstance(result, int) else repr(result) for result in results]


@case()
async def gather_raises_the_first():
    return await asyncio.gather(slow(1, 3), failing("first"))


@case()
async def an_exception_through_three_coroutines():
    async def middle():
        return await failing("deep")

    async def outer():
        try:
            return await middle()
        except ValueError as error:
            raise KeyError("outer") from error

    return await outer()


async def ticker(n):
    for i in range(n):
        await asyncio.sleep(0)
        yield i


@case((4,), (0,))
async def async_generators(n):
    squares = [i * i async for i in ticker(n) if i % 2 == 0]
    table = {i: await add(i, i) async for i in ticker(n)}
    total = 0
    async for i in ticker(n):
        total += i
    else:
        total += 100
    return squares, table, total


@case()
async def an_async_generator_is_closed():
    log = []

    async def source():
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            log.append("closed")

    async with contextlib.aclosing(source()) as stream:
        async for value in stream:
            log.append(value)
            break
    return log


@case()
async def asend_and_athrow():
    async def echo():
        received = []
        while len(received) < 3:
            try:
                received.append((yield len(received)))
            except KeyError as error:
                received.append(repr(error))
        yield received

    it = echo()
    return [
        await it.asend(None),
        await it.asend("x"),
        await it.athrow(KeyError("k")),
        await anext(it),
    ]


class Countdown:
    def __init__(self, n):
        self.n = n

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self.n:
            raise StopAsyncIteration
        self.n -= 1
        await asyncio.sleep(0)
        return self.n


class Connection:
    def __init__(self, log):
        self.log = log

    async def __aenter__(self):
        await asyncio.sleep(0)
        self.log.append("open")
        return self

    async def __aexit__(self, kind, error, trace):
        self.log.append(("close", kind.__name__ if kind else None))
        return kind is KeyError


@case(("k", "KeyError"), (None, None), ("l", "LookupError"))
async def async_with(text, kind):
    log = []
    async with Connection(log) as connection:
        connection.log.append([i async for i in Countdown(3)])
        if kind:
            raise {"KeyError": KeyError, "LookupError": LookupError}[kind](text)
    return log


@case()
async def async_contextmanager():
    log = []

    @contextlib.asynccontextmanager
    async def session(name):
        log.append("begin")
        try:
            yield name.upper()
        finally:
            log.append("end")

    async with session("s") as name, contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(slow, "pushed", 1, log)
        log.append(name)
    return log


@case()
async def a_task_group():
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(slow(i, 3 - i)) for i in range(3)]
    return [task.result() for task in tasks]


@case()
async def a_task_group_cancels_the_others():
    log = []

    async def patient():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            log.append("cancelled")
            raise

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(patient())
            group.create_task(failing("stop"))
    except* ValueError as found:
        log.append(str(found.exceptions[0]))
    return log


@case()
async def timeouts():
    log = []
    try:
        async with asyncio.timeout(0.001):
            await asyncio.sleep(60)
    except TimeoutError as error:
        log.append(type(error).__name__)
    async with asyncio.timeout(60):
        log.append(await slow("in time", 2))
    try:
        await asyncio.wait_for(asyncio.Event().wait(), 0.001)
    except TimeoutError:
        log.append("waited")
    return log


@case()
async def a_timeout_that_is_not_caught():
    async with asyncio.timeout(0):
        await asyncio.sleep(60)


@case()
async def cancelling_a_task():
    task = asyncio.create_task(asyncio.sleep(60))
    await asyncio.sleep(0)
    task.cancel("enough")
    try:
        await task
    except asyncio.CancelledError as error:
        return task.cancelled(), error.args


@case()
async def locks_events_and_semaphores():
    log = []
    lock, event, gate = asyncio.Lock(), asyncio.Event(), asyncio.Semaphore(2)

    async def worker(name):
        await event.wait()
        async with gate:
            async with lock:
                log.append(name)
                await asyncio.sleep(0)
                log.append(name)

    tasks = [asyncio.ensure_future(worker(i)) for i in range(3)]
    await asyncio.sleep(0)
    event.set()
    await asyncio.wait(tasks)
    return log, lock.locked(), gate.locked()


@case((6,))
async def producer_and_consumers(n):
    queue = asyncio.Queue(maxsize=2)
    out = []

    async def produce():
        for i in range(n):
            await queue.put(i)
        for _ in range(2):
            await queue.put(None)

    async def consume():
        while (item := await queue.get()) is not None:
            out.append(item * 10)

    await asyncio.gather(produce(), consume(), consume())
    return sorted(out), queue.empty()


@case()
async def wait_and_as_completed():
    tasks = {asyncio.create_task(slow(i, i)) for i in range(4)}
    done, pending = await asyncio.wait(tasks, return_when=asyncio.ALL_COMPLETED)
    results = [await first for first in asyncio.as_completed([slow("x", 5), slow("y", 1)])]
    return sorted(task.result() for task in done), len(pending), results


@case()
async def futures_and_callbacks():
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    log = []
    future.add_done_callback(lambda f: log.append(f.result()))
    loop.call_soon(future.set_result, 7)
    loop.call_later(0, log.append, "later")
    value = await future
    await asyncio.sleep(0.001)
    return value, log


@case((3,))
def asyncio_run_inside_a_plain_function(n):
    async def main():
        return [await add(i, 1) for i in range(n)]

    return asyncio.run(main())


@case((3,), (0,))
def a_coroutine_driven_by_hand(n):
    class Step:
        def __init__(self, value):
            self.value = value

        def __await__(self):
            return (yield self.value)

    async def work():
        total = 0
        for i in range(n):
            total += await Step(i)
        return total

    running = work()
    seen = []
    try:
        seen.append(running.send(None))
        while True:
            seen.append(running.send(10))
    except StopIteration as stop:
        return seen, stop.value


@case((4,))
async def recursion_of_coroutines(n):
    async def fib(k):
        return k if k < 2 else sum(await asyncio.gather(fib(k - 1), fib(k - 2)))

    return await fib(n)
