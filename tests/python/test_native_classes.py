"""Classes in the native engine, beyond what their functions compute: limits, refusals, tables, fallbacks."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest

import spm
from spm._closure import prepare


@dataclass
class Vector:
    x: float
    y: float

    def __add__(self, other: Vector) -> Vector:
        return Vector(self.x + other.x, self.y + other.y)


@dataclass
class Total:
    value: int
    parts: list[Vector]


class Link:
    def __init__(self) -> None:
        self.other: Link | None = None
        self.load = [0] * 1000


class Color(enum.Enum):
    RED = 1
    BLUE = 2


def churned(n: int) -> float:
    total = Vector(0.0, 0.0)
    one = Vector(1.0, 0.5)
    for _ in range(n):
        total = total + one
    return total.x + total.y


def linked_in_circles(n: int) -> int:
    for _ in range(n):
        a, b = Link(), Link()
        a.other, b.other = b, a
    return n


def test_short_lived_objects_are_reclaimed_while_a_task_runs() -> None:
    closure = spm.wasm_closure(engine="native", memory_mib=64)(churned)
    with spm.serial() as pool:
        assert pool.submit(closure, 10_000_000).result() == 15_000_000.0


def test_circles_live_until_their_task_ends_within_its_memory() -> None:
    closure = spm.wasm_closure(engine="native", memory_mib=8)(linked_in_circles)
    with spm.serial() as pool:
        assert [pool.submit(closure, 100).result() for _ in range(20)] == [100] * 20
        with pytest.raises(MemoryError):
            pool.submit(closure, 100_000).result()


def make(n: int) -> Total:
    return Total(n, [Vector(float(n), 1.0)])


def color_of(n: int) -> Color:
    return Color.RED if n % 2 else Color.BLUE


def same(total: Total) -> Total:
    return total


def weigh(total: Total, color: Color) -> tuple[int, Color]:
    return total.value + (100 if color is Color.RED else 0), color


def test_objects_go_from_closure_to_closure_by_one_class_table() -> None:
    with spm.laptop(hosts=2) as pool:
        dag = spm.Dag(pool)
        total = dag.add(spm.wasm_closure(engine="native")(make), 3)
        color = dag.add(spm.wasm_closure(engine="native")(color_of), 3)
        dag.add(spm.wasm_closure(engine="python")(weigh), total, color)
        dag.add(spm.wasm_closure(engine="python")(same), total)
        assert dag.run() == [(103, Color.RED), make(3)]


@dataclass
class Leaf:
    weight: float
    next: Leaf | None = None


class Named(NamedTuple):
    name: str
    leaves: list[Leaf]


def leaf_of(weight: float) -> Leaf:
    return Leaf(weight, Leaf(1.0))


def named_of(name: str, count: int) -> list[Named]:
    return [Named(name, [Leaf(float(n)) for n in range(count)])]


def leaf_weight(leaf: Leaf) -> float:
    weight = leaf.weight
    if leaf.next is not None:
        weight += leaf.next.weight
    return weight


def named_weights(named: list[Named]) -> dict[str, float]:
    return {one.name: sum([leaf.weight for leaf in one.leaves]) for one in named}


def either(leaf: Leaf, color: Color) -> str:
    return f"{leaf.weight} {color.name}"


def test_classes_go_between_nodes_that_are_all_native() -> None:
    def native(function: Any) -> Any:
        return spm.wasm_closure(engine="native")(function)

    with spm.laptop(hosts=2) as pool:
        dag = spm.Dag(pool)
        leaf = dag.add(native(leaf_of), 2.5)
        named = dag.add(native(named_of), "n" * 2000, 4)
        dag.add(native(leaf_weight), leaf)
        dag.add(native(named_weights), named)
        dag.add(native(either), leaf, dag.add(native(color_of), 3))
        assert dag.run() == [3.5, {"n" * 2000: 6.0}, "2.5 RED"]


class Unannotated:
    def __init__(self, n: int) -> None:
        self.n = n


def unannotated(n: int) -> Unannotated:
    return Unannotated(n)


def n_of(one: Unannotated) -> int:
    return one.n


def weight_of(leaf):  # type: ignore[no-untyped-def]
    return leaf.weight


def test_a_class_whose_attributes_only_its_code_knows_is_refused_by_name() -> None:
    native = spm.wasm_closure(engine="native")
    with spm.laptop(hosts=1) as pool:
        dag = spm.Dag(pool)
        dag.add(native(n_of), dag.add(native(unannotated), 3))
        with pytest.raises(spm.CompileError, match=r"argument 0 of `n_of`.*dataclasses"):
            dag.run()
        dag = spm.Dag(pool)
        dag.add(native(weight_of), dag.add(native(leaf_of), 2.5))
        with pytest.raises(spm.CompileError, match="annotate the parameter"):
            dag.run()
        # Where an interpreter may run it, it does.
        dag = spm.Dag(pool)
        dag.add(spm.wasm_closure(n_of), dag.add(native(unannotated), 3))
        assert dag.run() == [3]


def power(total: Total) -> Total:
    return Total(total.value**9, total.parts)


def test_a_task_that_leaves_64_bits_keeps_its_classes() -> None:
    closure = spm.wasm_closure(power)
    with spm.serial() as pool:
        assert pool.submit(closure, Total(2, [])).result() == Total(512, [])
        with pytest.warns(spm.DeoptWarning):
            found = pool.submit(closure, Total(10**6, [Vector(1.0, 2.0)])).result()
    assert found == Total(10**54, [Vector(1.0, 2.0)])


def doubled(vector: Vector) -> Vector:
    vector.x *= 2
    return vector


def test_attributes_of_other_types_are_other_specialisations() -> None:
    closure = spm.wasm_closure(engine="native")(doubled)
    with spm.serial() as pool:
        assert pool.submit(closure, Vector(1.5, 0.0)).result() == Vector(3.0, 0.0)
        found = pool.submit(closure, Vector(3, 0)).result()
    assert found == Vector(6, 0)
    assert type(found.x) is int


def test_the_same_classes_make_the_same_bytes() -> None:
    first, second = (spm.wasm_closure(engine="native")(churned).component() for _ in range(2))
    assert first == second
    assert len(first) < 12_000


class Slow(type):
    pass


class Meta(metaclass=Slow):
    pass


class New:
    def __new__(cls) -> New:  # noqa: PYI034
        return super().__new__(cls)


class Finalised:
    def __del__(self) -> None:
        pass


class Listed(list[int]):
    pass


class One:
    pass


class Other:
    pass


class Both(One, Other):
    pass


class Flags(enum.Flag):
    A = 1


class Mixed(enum.Enum):
    A = 1
    B = "b"


def makes_meta(n: int) -> int:
    return n if Meta() else 0


def makes_new(n: int) -> int:
    return n if New() else 0


def makes_finalised(n: int) -> int:
    return n if Finalised() else 0


def makes_listed(n: int) -> int:
    return n if Listed() else 0


def makes_both(n: int) -> int:
    return n if Both() else 0


def reads_flags(n: int) -> int:
    return n if Flags.A else 0


def reads_mixed(n: int) -> int:
    return n if Mixed.A is Mixed.B else 0


def shows_an_address(n: int) -> str:
    return repr(One())


def freezes(n: int) -> int:
    frozen = Frozen(n)
    frozen.n = 3  # type: ignore[misc]
    return frozen.n


@dataclass(frozen=True)
class Frozen:
    n: int


def assigns_from_outside(n: int) -> int:
    one = One()
    one.n = n  # type: ignore[attr-defined]
    return n


class Slotted:
    __slots__ = ("a",)

    def __init__(self, n: int) -> None:
        self.a = n
        self.b = n  # type: ignore[misc]  # noqa: PLE0237


def overflows_slots(n: int) -> int:
    return Slotted(n).a


def misses(n: int) -> int:
    return Vector(1.0, 2.0).z + n  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (makes_meta, "metaclass"),
        (makes_new, "`__new__`"),
        (makes_finalised, "`__del__`"),
        (makes_listed, "derives from `list`"),
        (makes_both, "more than one class"),
        (reads_flags, "another kind than `Enum`"),
        (reads_mixed, "different types"),
        (shows_an_address, "holds an address"),
        (freezes, "cannot assign to field 'n'"),
        (assigns_from_outside, "outside of its class"),
        (misses, "has no attribute 'z'"),
        (overflows_slots, "no room for the attribute `b`"),
    ],
)
def test_what_classes_cannot_be_is_said(function: Any, why: str) -> None:
    with pytest.raises(spm.CompileError) as caught:
        prepare(spm.wasm_closure(engine="native")(function), (1,), {})
    assert why in str(caught.value)
    assert caught.value.diagnostics[0].line > 0


def test_arguments_of_classes_that_cannot_be_are_said() -> None:
    def takes(value: Any) -> int:
        return 1 if value else 0

    with (
        spm.serial() as pool,
        pytest.raises(spm.CompileError, match=r"argument `value`.*`__del__`"),
    ):
        pool.submit(spm.wasm_closure(engine="native")(takes), Finalised()).result()
