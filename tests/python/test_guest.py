"""The guest makes closures of payloads, runs them, and records what they raise.

Each test runs twice: under this CPython, and inside the component.
"""

import dataclasses
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from guest_component import SEED, Engine, Failed
from guest_payloads import FILE, named, payload, piece, simple
from spm_guest import entry, loop
from spm_guest.codec import ClassTable, decode, encode
from spm_guest.task import HOST


class Here:
    """The guest under this CPython, in place of the component."""

    def __init__(self) -> None:
        self.printed: list[bytes] = []
        self.slept: list[int] = []
        HOST.index, HOST.attempt, HOST.seed = lambda: 3, lambda: 1, lambda: SEED
        HOST.sleep, HOST.print = self.slept.append, self.printed.append

    def instance(self, data: bytes, classes: tuple[type | None, ...] = ()) -> "HereInstance":
        self.slept.clear()
        return HereInstance(data, classes)


class HereInstance:
    def __init__(self, data: bytes, classes: tuple[type | None, ...]) -> None:
        self.made = entry.Instance()
        self.table = ClassTable(classes)
        self._run(self.made.define, data)

    def _run(self, call: Any, data: bytes) -> Any:
        limit, main = sys.getrecursionlimit(), sys.modules["__main__"]
        try:
            return call(data)
        except entry.Failed as failed:
            raise Failed(failed.args[0]) from None
        finally:
            sys.setrecursionlimit(limit)
            sys.modules["__main__"] = main

    def call(self, *arguments: Any) -> Any:
        return decode(self._run(self.made.call, encode(list(arguments), self.table)), self.table)


@pytest.fixture(scope="module")
def component() -> Engine:
    return Engine()


@pytest.fixture(params=["here", "component"])
def guest(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    if request.param == "component":
        yield request.getfixturevalue("component")
        return
    state = random.getstate()
    # As `loop.install` does for good.
    monkeypatch.setattr("time.sleep", loop.sleep)
    monkeypatch.setattr("asyncio.events._event_loop_policy", loop.POLICY)
    yield Here()
    random.setstate(state)


def raised(guest: Any, data: bytes, *arguments: Any, **options: Any) -> dict[Any, Any]:
    with pytest.raises(Failed) as caught:
        guest.instance(data, **options).call(*arguments)
    return named(caught.value.record)


def test_a_function_is_called(guest: Any) -> None:
    made = guest.instance(simple("def f(x):\n    return [x, x * 2]"))
    assert made.call(4) == [4, 8]
    assert made.call("a") == ["a", "aa"]


def test_defaults_cells_globals_and_recursion(guest: Any) -> None:
    steps = [
        ["value", 0, [1, 2]],
        ["value", 1, 10],
        ["cell", 2],
        ["fill", 2, 1],
        [
            "function",
            3,
            piece(
                "def f(a, b=[1, 2], *, c=3):\n    b.append(a)\n    return n + sum(b) + c + K",
                qualname="outer.<locals>.f",
                free=["n"],
                cells=[2],
                defaults=[0],
                kwdefaults={"c": 1},
            ),
        ],
        ["value", 4, 100],
        ["global", "__main__", "K", 4],
    ]
    made = guest.instance(payload(steps, 3))
    assert made.call(5) == 10 + 8 + 10 + 100
    assert made.call(5) == 10 + 13 + 10 + 100  # the default is one object
    fib = simple("def f(n):\n    return n if n < 2 else f(n - 1) + f(n - 2)")
    assert guest.instance(fib).call(10) == 55


def test_a_lambda_and_a_closure_that_sees_itself(guest: Any) -> None:
    steps = [
        ["cell", 0],
        [
            "function",
            1,
            piece(
                "lambda n: 1 if n == 0 else n * fact(n - 1)",
                name="<lambda>",
                qualname="make.<locals>.<lambda>",
                column=11,
                free=["fact"],
                cells=[0],
            ),
        ],
        ["fill", 0, 1],
    ]
    assert guest.instance(payload(steps, 1)).call(5) == 120


@dataclasses.dataclass
class Job:
    name: str
    cost: int = 1


class Plain:
    def __init__(self, x: int) -> None:
        self.x = x


JOB = piece(
    "@dataclass\nclass Job:\n    name: str\n    cost: int = 1\n    def double(self):\n        return Job(self.name * 2, self.cost * 2)",
    name="Job",
)
PLAIN = piece(
    "class Plain:\n    def __init__(self, x):\n        self.x = x\n    @property\n    def __y(self):\n        return self.x\n    def y(self):\n        return self.__y",
    name="Plain",
)
WITH_CLASSES = [
    ["import", 0, "dataclasses", "dataclass"],
    ["global", "__main__", "dataclass", 0],
    ["class", 1, JOB],
    ["global", "__main__", "Job", 1],
    ["class", 2, PLAIN],
    ["global", "__main__", "Plain", 2],
    ["function", 3, piece("def f(job, plain):\n    return job.double(), Plain(plain.y() + 1)")],
]


def test_instances_of_classes_come_and_go(guest: Any) -> None:
    made = guest.instance(payload(WITH_CLASSES, 3, classes=[1, 2]), classes=(Job, Plain))
    job, plain = made.call(Job("a", 3), Plain(4))
    assert job == Job("aa", 6)
    assert type(plain) is Plain
    assert plain.x == 5


def test_values_may_be_of_classes_just_made(guest: Any) -> None:
    steps = [
        *WITH_CLASSES[:6],
        ["value", 3, 7],
        ["instance", 4, 2, {"x": 3}],
        ["function", 5, piece("def f():\n    return P.x + P.y() + len(V.name)")],
        ["global", "__main__", "P", 4],
        ["value", 6, Job("four")],
        ["global", "__main__", "V", 6],
    ]
    table = ClassTable([Plain, Job])
    assert guest.instance(payload(steps, 5, table, classes=[2, 1])).call() == 18


def test_super_and_names_in_a_class_within_a_function(guest: Any) -> None:
    text = "class Sub(Base):\n    def __init__(self):\n        super().__init__()\n        self.__n = n\n    def get(self):\n        return self.base, self.__n, type(self).__qualname__, self.get.__func__.__qualname__"
    steps = [
        [
            "class",
            0,
            piece("class Base:\n    def __init__(self):\n        self.base = 1", name="Base"),
        ],
        ["cell", 1],
        ["fill", 1, 0],
        ["value", 2, 5],
        ["cell", 3],
        ["fill", 3, 2],
        [
            "class",
            4,
            piece(
                text,
                name="Sub",
                qualname="main.<locals>.Sub",
                column=4,
                free=["Base", "n"],
                cells=[1, 3],
            ),
        ],
        ["global", "__main__", "Sub", 4],
        ["function", 5, piece("def f():\n    return Sub().get()")],
    ]
    assert guest.instance(payload(steps, 5)).call() == (
        1,
        5,
        "main.<locals>.Sub",
        "main.<locals>.Sub.get",
    )


def test_containers_cycles_partials_methods_and_attributes(guest: Any) -> None:
    steps = [
        ["list", 0, None],
        ["value", 1, 1],
        ["extend", 0, [1, 0]],
        ["dict", 2, [[1, 0]]],
        ["tuple", 3, [1, 2]],
        ["set", 4, [1]],
        ["deque", 5, [1]],
        ["function", 6, piece("def g(a, b, c):\n    return a, len(b), c", name="g")],
        ["partial", 7, 6, [1], {"c": 1}],
        ["class", 8, PLAIN],
        ["instance", 9, 8, {"x": 1}],
        ["function", 10, piece("def m(self):\n    return self.x, self.LIMIT", name="m")],
        ["method", 11, 10, 9],
        ["value", 12, 99],
        ["attributes", 8, {"LIMIT": 12}],
        ["attr", 13, 8, "LIMIT"],
        [
            "function",
            14,
            piece(
                "def f():\n    return L[1] is L, D[1] is L, T[1] is D, S, list(Q), P([1, 2]), M(), A"
            ),
        ],
        *[
            ["global", "__main__", name, number]
            for name, number in {
                "L": 0,
                "D": 2,
                "T": 3,
                "S": 4,
                "Q": 5,
                "P": 7,
                "M": 11,
                "A": 13,
            }.items()
        ],
    ]
    assert guest.instance(payload(steps, 14)).call() == (
        True,
        True,
        True,
        {1},
        [1],
        (1, 2, 1),
        (1, 99),
        99,
    )


def test_decorated_statements_run_with_their_decorators(guest: Any) -> None:
    steps = [
        ["import", 0, "functools", ""],
        ["global", "__main__", "functools", 0],
        [
            "statement",
            1,
            piece(
                "@functools.lru_cache(maxsize=None)\ndef g(n):\n    return n if n < 2 else g(n-1) + g(n-2)",
                name="g",
            ),
        ],
        ["global", "__main__", "g", 1],
        ["function", 2, piece("def f():\n    return g(60), g.cache_info().misses")],
    ]
    assert guest.instance(payload(steps, 2)).call() == (1548008755920, 61)


def test_an_import_that_fails_costs_only_those_who_use_it(guest: Any) -> None:
    steps = [
        ["import", 0, "no_such_module", ""],
        ["global", "__main__", "missing", 0],
        ["function", 1, piece("def f(use):\n    return missing.x if use else 1")],
    ]
    made = payload(steps, 1)
    assert guest.instance(made).call(False) == 1
    assert raised(guest, made, True)["class"] == "ModuleNotFoundError"


def test_shipped_packages_are_importable_with_their_data(guest: Any) -> None:
    sources = {
        "spm_test_pkg": ["/home/user/spm_test_pkg/__init__.py", True, "from .inner import value\n"],
        "spm_test_pkg.inner": [
            "/home/user/spm_test_pkg/inner.py",
            False,
            "value = 41\ndef boom():\n    return 1 // 0\n",
        ],
    }
    text = """
    def f():
        import inspect, pkgutil
        from importlib import resources
        import spm_test_pkg
        from spm_test_pkg.inner import boom
        data = pkgutil.get_data("spm_test_pkg", "data/a.txt")
        text = (resources.files("spm_test_pkg") / "data" / "a.txt").read_text()
        return spm_test_pkg.value, data, text, inspect.getsource(boom)
    """
    made = simple(text, sources=sources, resources={"spm_test_pkg": {"data/a.txt": b"hello"}})
    assert guest.instance(made).call() == (
        41,
        b"hello",
        "hello",
        "def boom():\n    return 1 // 0\n",
    )
    frames = raised(
        guest,
        simple("def f():\n    from spm_test_pkg import inner\n    inner.boom()", sources=sources),
    )[8]
    assert frames[0] == [
        "/home/user/spm_test_pkg/inner.py",
        3,
        11,
        3,
        17,
        "boom",
        "    return 1 // 0",
    ]


def test_frames_have_the_submitters_lines_and_columns(guest: Any) -> None:
    text = "def f(x):\n    y = g(x,\n          'é') + g(0, 1)\n    return y"
    steps = [
        [
            "function",
            0,
            piece("@deco\n@other(1)\ndef g(a, b):\n    return a / b", name="g", line=30, column=4),
        ],
        ["global", "__main__", "g", 0],
        ["function", 1, piece(text)],
    ]
    record = raised(guest, payload(steps, 1), 1)
    assert record["class"] == "TypeError"
    assert record[8] == [
        [FILE, 33, 15, 33, 20, "g", "        return a / b"],
        [FILE, 11, 8, 12, 15, "f", "    y = g(x,"],
    ]


def test_exceptions_carry_class_arguments_state_notes_and_chain(guest: Any) -> None:
    text = """
    def f():
        try:
            try:
                {}['k']
            except KeyError as error:
                raise Oops('bad', [1]) from error
        except Oops as oops:
            oops.code = 7
            oops.add_note('a note')
            raise ExceptionGroup('many', [oops, FileNotFoundError(2, 'gone', 'x.txt'), UnicodeDecodeError('utf-8', b'a', 0, 1, 'why')])
    """
    steps = [
        [
            "class",
            0,
            piece(
                "class Oops(Exception):\n    def __init__(self, a, b):\n        super().__init__(a, b)",
                name="Oops",
            ),
        ],
        ["global", "__main__", "Oops", 0],
        ["function", 1, piece(text)],
    ]
    record = raised(guest, payload(steps, 1, classes=[0]))
    assert record["class"] == "ExceptionGroup"
    assert record[1] == ["many"]
    oops, gone, unicode = record[7]
    assert oops["class"] == 0
    assert oops[1] == ["bad", [1]]
    assert oops[2] == {"code": 7}
    assert oops[3] == ["a note"]
    assert oops[4]["class"] == "KeyError"
    assert gone["class"] == "FileNotFoundError"
    assert gone[1] == [2, "gone"]
    assert gone[2] == {"filename": "x.txt"}
    assert unicode[1] == ["utf-8", b"a", 0, 1, "why"]


def test_what_cannot_cross_in_an_exception_is_told(guest: Any) -> None:
    record = raised(guest, simple("def f():\n    raise ValueError(len, 1)"))
    assert record[1] == ["<built-in function len>", 1]
    assert record[3] == [
        "argument 1 of the exception: a function cannot cross the sandbox; its `repr` stands in its place"
    ]
    record = raised(guest, simple("def f():\n    import json\n    json.loads('x')"))
    assert record["class"] == "ValueError"
    assert "json.decoder.JSONDecodeError" in record[3][0]


def test_a_result_that_cannot_cross_is_named(guest: Any) -> None:
    record = raised(guest, simple("def f():\n    return [0, {'x': (n for n in ())}]"))
    assert record["class"] == "TypeError"
    assert record[1] == ["the result of `f`[1]['x']: a generator cannot cross the sandbox"]
    record = raised(guest, simple("def f():\n    yield 1"))
    assert record["class"] == "TypeError"


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("import sys; sys.exit(3)", "SystemExit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("raise StopIteration(1)", "StopIteration"),
        ("input()", "EOFError"),
        ("open('/etc/passwd/x')", "NotADirectoryError"),
    ],
)
def test_whatever_leaves_the_function_is_an_outcome(guest: Any, statement: str, name: str) -> None:
    if isinstance(guest, Here) and "input" in statement:
        statement = "raise EOFError"
    record = raised(guest, simple(f"def f():\n    {statement}"))
    assert record["class"] in {name, "FileNotFoundError"}


def test_recursion_ends_at_the_submitters_limit(guest: Any) -> None:
    record = raised(guest, simple("def f(n):\n    return f(n + 1)", recursion_limit=3000), 0)
    assert record["class"] == "RecursionError"
    assert len(record[8]) == 1024
    assert 3000 - 1024 - 100 < record[10] <= 3000 - 1024 + 20


def test_coroutines_run_to_their_end(guest: Any) -> None:
    text = """
    async def f(n):
        import asyncio
        async def work(k, queue):
            await asyncio.sleep(k / 10)
            await queue.put(k)
            return k
        queue = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work(k, queue)) for k in range(n, 0, -1)]
        order = [queue.get_nowait() for _ in range(n)]
        try:
            async with asyncio.timeout(0.5):
                await asyncio.Event().wait()
        except TimeoutError:
            order.append('late')
        order.append(await asyncio.to_thread(max, 1, 2))
        return [task.result() for task in tasks], order, await asyncio.gather(*[asyncio.sleep(0, k) for k in range(3)])
    """
    assert guest.instance(simple(text)).call(3) == ([3, 2, 1], [1, 2, 3, "late", 2], [0, 1, 2])
    assert 0.75e9 < sum(guest.slept) < 0.85e9
    inside = "def f():\n    import asyncio\n    async def g():\n        await asyncio.sleep(1)\n        return 5\n    return asyncio.run(g())"
    assert guest.instance(simple(inside)).call() == 5
    assert 0.95e9 < sum(guest.slept) < 1.05e9
    record = raised(
        guest, simple("async def f():\n    import asyncio\n    await asyncio.Event().wait()")
    )
    assert record["class"] == "RuntimeError"
    record = raised(guest, simple("async def f():\n    return 1 // 0"))
    assert [frame[5] for frame in record[8]] == ["f"]


def test_random_is_seeded_by_the_task_and_sleep_is_the_hosts(guest: Any) -> None:
    text = "def f():\n    import random, time\n    time.sleep(0.25)\n    return random.random()"
    assert guest.instance(simple(text)).call() == random.Random(SEED).random()
    assert guest.slept == [250_000_000]


def test_a_payload_that_is_not_understood_is_an_error_that_says_so(guest: Any) -> None:
    for data, why in [
        (payload([["fly", 0]], 0), "a step `fly`"),
        (payload([], 0, format=2), "format 2"),
        (payload([], 0), "register 0"),
        (b"\xff", "malformed value"),
    ]:
        with pytest.raises(Failed) as caught:
            guest.instance(data)
        record = named(caught.value.record)
        assert record["class"] == "ValueError"
        assert why in record[1][0]


def test_errors_in_class_bodies_come_back_from_define(guest: Any) -> None:
    with pytest.raises(Failed) as caught:
        guest.instance(payload([["class", 0, piece("class C:\n    x = 1 // 0", name="C")]], 0))
    record = named(caught.value.record)
    assert record["class"] == "ZeroDivisionError"
    assert record[8][0][:2] == [FILE, 11]
