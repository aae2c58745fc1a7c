"""Closures: how they are declared, what they capture and when, and how arguments are bound."""

import copy
import functools
import gc
import inspect
import math
import pickle
import sys
import threading
import weakref
from math import floor
from typing import Any

import pytest

import spm
from spm._capture import gather, target_of
from spm._closure import as_closure, prepare

LIMIT = 3
TABLE = [1, 2, 3]


@spm.wasm_closure
def add(x: int, y: int = 2) -> int:
    """Add."""
    return x + y


@spm.wasm_closure(memory_mib=16, fuel=1000, deadline_s=0.5, pure=True, allow=["clock"])
def configured(x: int) -> int:
    return x


def helper(x: int) -> int:
    return x * LIMIT


@spm.wasm_closure
def calls_helper(x: int) -> int:
    return helper(x) + floor(2.5)


class Account:
    rate = 2

    def __init__(self, balance: int) -> None:
        self.balance = balance

    @spm.wasm_closure
    def scaled(self, x: int) -> int:
        return self.balance * x

    @staticmethod
    @spm.wasm_closure
    def static(x: int) -> int:
        return x + 1


def names_of(function: Any) -> dict[str, Any]:
    """What the free names of `function` stand for at this moment."""
    return gather(target_of(function), (1, ())).names[0]


# Declaring


def test_calling_a_closure_runs_the_plain_function() -> None:
    assert add(1) == 3
    assert add(x=1, y=5) == 6
    assert configured(7) == 7


def test_a_closure_wears_the_functions_face() -> None:
    assert add.__name__ == "add"
    assert add.__qualname__ == "add"
    assert add.__doc__ == "Add."
    assert add.__module__ == __name__
    assert inspect.signature(add) == inspect.signature(add.__wrapped__)
    assert repr(add) == "<spm.Closure add>"
    assert add.source.startswith("@spm.wasm_closure\ndef add(x: int, y: int = 2)")


def test_decorating_compiles_nothing() -> None:
    @spm.wasm_closure(engine="python")
    def nonsense(x: int) -> int:
        yield undefined_name  # type: ignore[name-defined]  # noqa: F821

    assert (nonsense.engine, nonsense.cid, nonsense.wit) == (None, None, None)


def test_closures_pickle_by_name_and_copy_as_themselves() -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(add, protocol)) is add
    assert copy.copy(add) is add
    assert copy.deepcopy(add) is add
    bound = pickle.loads(pickle.dumps(Account(3).scaled))
    assert bound(2) == 6


def test_methods_bind_and_static_methods_do_not() -> None:
    assert Account(5).scaled(2) == 10
    assert isinstance(Account(5).scaled, spm.Closure)
    assert Account.scaled(Account(1), 4) == 4
    assert Account.static(1) == 2
    assert Account(5).static(1) == 2
    assert isinstance(Account.scaled, spm.Closure)


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"engine": "fast"}, ValueError, '`engine` must be one of "auto", "native"'),
        ({"memory_mib": 0}, ValueError, "`memory_mib` must be between 1 and 4096"),
        ({"memory_mib": 5000}, ValueError, "`memory_mib` must be between 1 and 4096"),
        ({"memory_mib": 1.5}, TypeError, "`memory_mib` must be an int"),
        ({"fuel": 0}, ValueError, "`fuel` must be between 1"),
        ({"fuel": True}, TypeError, "`fuel` must be an int"),
        ({"deadline_s": 0}, ValueError, "`deadline_s` must be above 0"),
        ({"deadline_s": math.inf}, ValueError, "`deadline_s` must be above 0"),
        ({"deadline_s": "1"}, TypeError, "`deadline_s` must be a number"),
        ({"pure": 1}, TypeError, "`pure` must be True or False"),
        ({"isolation": "none"}, ValueError, '`isolation` must be one of "task", "session"'),
        ({"allow": "clock"}, TypeError, "`allow` must be a list or tuple"),
        ({"allow": ["net"]}, ValueError, "`allow` does not know 'net'"),
        ({"allow": ["env:"]}, ValueError, "`allow` does not know 'env:'"),
        ({"allow": ["fs:rw:/"]}, ValueError, "`allow` does not know 'fs:rw:/'"),
        ({"memory": 3}, TypeError, "memory"),
    ],
    ids=str,
)
def test_options_are_checked_where_they_are_written(
    keywords: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        spm.wasm_closure(**keywords)
    assert message in str(caught.value)


def test_what_cannot_be_decorated_says_so() -> None:
    with pytest.raises(TypeError, match="is a closure already"):
        spm.wasm_closure(add)
    with pytest.raises(TypeError, match="put `@staticmethod` above"):
        spm.wasm_closure(staticmethod(len))
    with pytest.raises(TypeError, match="takes a function, not 3"):
        spm.wasm_closure(3)  # type: ignore[call-overload]


# Capturing


def test_names_are_resolved_when_they_are_used() -> None:
    def uses_later(x: int) -> int:
        return later(x)

    def later(x: int) -> int:
        return x

    gathered = gather(target_of(uses_later), (1, ()))
    assert gathered.names[0] == {"later": ("function", 1)}
    assert [row[0] for row in gathered.functions] == ["uses_later", "later"]


def test_every_kind_of_name_is_told_apart() -> None:
    n = 5
    handle = sys.stdout

    def reads(x: int) -> Any:
        return (
            len,
            LIMIT,
            TABLE,
            math.pi,
            floor,
            helper,
            n,
            handle,
            Account,
            ValueError,
            spm.task,
            x,
        )

    names = names_of(reads)
    kind = {name: captured[0] for name, captured in names.items()}
    assert kind == {
        "len": "builtin",
        "ValueError": "builtin",
        "LIMIT": "value",
        "TABLE": "value",
        "n": "value",
        "math": "module",
        "spm": "module",
        "floor": "member",
        "helper": "function",
        "handle": "unsupported",
        "Account": "class",
    }
    assert names["floor"] == ("member", "math.floor")


def test_recursion_and_mutual_recursion_are_gathered_once() -> None:
    def even(n: int) -> bool:
        return n == 0 or odd(n - 1)

    def odd(n: int) -> bool:
        return n != 0 and even(n - 1)

    gathered = gather(target_of(even), (1, ()))
    assert [row[0] for row in gathered.functions] == ["even", "odd"]
    assert gathered.names == [{"odd": ("function", 1)}, {"even": ("function", 0)}]


def test_names_of_comprehensions_and_inner_functions_count() -> None:
    def reads(x: int) -> int:
        shifted = lambda y: y + LIMIT
        return sum(shifted(z) for z in range(x) if TABLE)

    assert {"LIMIT", "TABLE", "sum", "range"} <= names_of(reads).keys()


def test_a_change_of_what_was_captured_is_seen() -> None:
    factor = 2
    table = [1, 2]

    def scaled(x: int) -> int:
        return x * factor + table[0]

    gathered = gather(target_of(scaled), (1, ()))
    assert gathered.is_current()
    table.append(3)
    assert not gathered.is_current()
    gathered = gather(target_of(scaled), (1, ()))
    factor = 3
    assert not gathered.is_current()


# Binding


def positional(function: Any, *args: Any, **kwargs: Any) -> Any:
    compiled = as_closure(function)._compiled
    return compiled.bind(args, kwargs)[1]


def keyword_only(a: int, *, b: int = 4, c: int) -> int:
    return a + b + c


class Adder:
    def __call__(self, x: int) -> int:
        return x


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "row"),
    [
        (add, (1,), {}, (1, 2)),
        (add, (1, 5), {}, (1, 5)),
        (add, (), {"y": 1, "x": 2}, (2, 1)),
        (keyword_only, (1,), {"c": 2}, (1, 4, 2)),
        (functools.partial(add, 7), (8,), {}, (7, 8)),
        (functools.partial(functools.partial(add, y=3), 1), (), {}, (1, 3)),
        (pow, (2, 5), {}, (2, 5)),
        (pow, (2,), {"exp": 5}, (2, 5)),
        (functools.partial(pow, 2), (5,), {}, (2, 5)),
    ],
    ids=lambda it: repr(it)[:30],
)
def test_arguments_are_bound_to_positions(function: Any, args: Any, kwargs: Any, row: Any) -> None:
    assert positional(function, *args, **kwargs) == row


def test_self_is_an_argument() -> None:
    account = Account(1)
    assert positional(account.scaled, 3) == (account, 3)
    adder = Adder()
    assert positional(adder, 3) == (adder, 3)


@pytest.mark.parametrize("args", [(), (1, 2, 3)], ids=str)
def test_arguments_that_do_not_fit_are_a_type_error(args: tuple[int, ...]) -> None:
    with pytest.raises(TypeError, match=r"add\(\): "):
        prepare(add, args, {})
    with pytest.raises(TypeError, match=r"add\(\): .*'z'"):
        prepare(add, (1,), {"z": 1})


def test_the_same_callable_is_the_same_closure() -> None:
    def plain(x: int) -> int:
        return x

    account = Account(1)
    assert as_closure(plain) is as_closure(plain)
    assert as_closure(len) is as_closure(len)
    assert as_closure(add) is add
    assert as_closure(account.__init__) is as_closure(account.__init__)
    with pytest.raises(TypeError, match="3 is not callable"):
        as_closure(3)  # type: ignore[arg-type]


def test_plain_functions_do_not_outlive_their_use_for_long() -> None:
    def plain(x: int) -> int:
        return x

    as_closure(plain)
    alive = weakref.ref(plain)
    del plain
    for _ in range(100):
        as_closure(lambda: None)
    gc.collect()
    assert alive() is None


# Compiling


def test_unchanged_content_keeps_its_cid() -> None:
    n = 1

    def shifted(x: int) -> int:
        return x + n

    first, row = prepare(shifted, (1,), {})
    assert prepare(shifted, (2,), {})[0] is first
    n = 2
    second, _ = prepare(shifted, (1,), {})
    assert second.cid != first.cid
    n = 1
    assert prepare(shifted, (1,), {})[0].cid == first.cid
    assert row == (1,)


def test_the_first_use_decides_the_types_where_annotations_do_not_hold() -> None:
    @spm.wasm_closure
    def half(x: float) -> float:
        return x / 2

    assert prepare(half, (3,), {})[0].arguments.types == ["int"]
    assert prepare(half, (3.0,), {})[0].arguments.types == ["float"]
    assert prepare(half, (True,), {})[0].arguments.types == ["bool"]


def test_other_types_in_mid_run_are_named() -> None:
    specialisation, _ = prepare(add, (1, 2), {})
    with pytest.raises(spm.CompileError) as caught:
        specialisation.encode((1, 2.5))
    assert str(caught.value) == (
        "argument `y` of `add` is a `float` here, and the closure is in force for `int`; pass one "
        "type throughout, annotate the parameter as `int | float`, or give such arguments to a run "
        "of their own"
    )


def test_what_the_engine_has_no_type_for_is_named() -> None:
    native = spm.wasm_closure(engine="native")(add.__wrapped__)
    with pytest.raises(spm.CompileError, match=r"argument `x`\[1\]: a `complex` is no value of"):
        prepare(native, ([1, 2j], 1), {})
    with pytest.raises(spm.CompileError, match="argument `x`: an int beyond 64 bits"):
        prepare(native, (2**63, 1), {})


def test_annotations_or_an_example_give_the_types_of_a_component() -> None:
    component = add.component()
    assert component[:4] == b"\0asm"
    assert add.component() == component
    assert add.component(1, 2) == component
    assert add.engine == "native"
    assert str(add.cid).startswith("bafkr4i")
    assert "export call" in str(add.wit)
    assert "int" in add.explain()

    @spm.wasm_closure
    def bare(x):  # type: ignore[no-untyped-def]
        return x

    with pytest.raises(spm.CompileError, match=r"parameter `x` of .*bare` has no annotation"):
        bare.component()
    assert bare.component(2.5)[:4] == b"\0asm"


def test_string_annotations_and_aliases_are_understood() -> None:
    Vector = list[float]

    @spm.wasm_closure
    def total(v: "Vector", n: "int | None" = None) -> "float":
        return sum(v)

    specialisation, _ = prepare(total, ([1.0],), {})
    assert specialisation.arguments.types[0] == "list[float]"


def test_generator_functions_are_refused_with_advice() -> None:
    def numbers(n: int) -> Any:
        yield n

    with pytest.raises(spm.CompileError, match=r"(?s)generator function.*return a list"):
        prepare(numbers, (1,), {})


def test_threads_share_one_specialisation() -> None:
    def shared(x: int) -> int:
        return x + 40

    found: list[Any] = []
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        found.append(prepare(shared, (1,), {})[0])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1


def test_rows_of_a_map_are_bound_like_the_first() -> None:
    specialisation, row = prepare(functools.partial(add, 7), (1,), {})
    assert row == (7, 1)
    assert list(specialisation.rows([(2,), (3,)])) == [(7, 2), (7, 3)]
    plain, _ = prepare(helper, (1,), {})
    rows = iter([(1,), (2,)])
    assert list(plain.rows(rows)) == [(1,), (2,)]
