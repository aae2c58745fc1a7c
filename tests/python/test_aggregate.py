"""`Aggregate`: one result for each key, in the order in which keys appear first."""

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest

import spm
from spm import _aggregate_glue as glue

TEXTS = ["to be or not", "to be that is", "the question", "", "be"] * 40


def words(text: str) -> list[tuple[str, int]]:
    return [(word, 1) for word in text.split()]


def total(key: str, counts: list[int]) -> int:
    return sum(counts)


def listed(key: Any, values: list[Any]) -> list[Any]:
    return values


def double(x: int) -> list[int]:
    return [x, 2 * x]


def last_digit(x: int) -> int:
    return x % 10


@pytest.mark.parametrize("combine", [None, total])
def test_words_are_counted(managed: spm.Pool, combine: Any) -> None:
    counts = spm.Aggregate(managed, map=words, reduce=total, combine=combine).run(TEXTS)
    expected = Counter(" ".join(TEXTS).split())
    assert counts == expected
    assert list(counts) == list(expected)


def test_values_by_their_keys(managed: spm.Pool) -> None:
    aggregate = spm.Aggregate(managed, map=double, key=last_digit, reduce=listed)
    expected: dict[int, list[int]] = {}
    for x in range(200):
        for value in double(x):
            expected.setdefault(last_digit(value), []).append(value)
    found = aggregate.run(range(200))
    assert found == expected
    assert list(found) == list(expected)
    assert aggregate.stats is not None
    assert aggregate.stats.submitted == 200


def test_a_stream_gives_pairs_in_the_same_order_each_time(managed: spm.Pool) -> None:
    aggregate = spm.Aggregate(managed, map=double, key=last_digit, reduce=listed)
    pairs = list(aggregate.stream(range(50)))
    assert dict(pairs) == aggregate.run(range(50))
    assert pairs == list(aggregate.stream(iter(range(50))))


def test_several_iterables_and_none(managed: spm.Pool) -> None:
    def pairs(a: int, b: str) -> list[tuple[str, int]]:
        return [(b, a)]

    aggregate = spm.Aggregate(managed, map=pairs, reduce=total)
    assert aggregate.run([1, 2, 3], ["x", "y", "x"]) == {"x": 4, "y": 2}
    assert aggregate.run([], []) == {}


def test_keys_that_are_equal_are_one(managed: spm.Pool) -> None:
    def mixed(x: int) -> list[tuple[Any, int]]:
        return [(1, x), (1.0, x), (True, x), ((1, "a"), x), ((True, "a"), x), (None, x), ("1", x)]

    found = spm.Aggregate(managed, map=mixed, reduce=total).run([1, 10])
    assert found == {1: 33, (1, "a"): 22, None: 11, "1": 11}


def test_places_of_keys_agree() -> None:
    texts, all_ = glue.placing_texts(), glue.placing()
    for key in ("", "word", "é\n'\"", 0, -1, 2**62, -(2**62)):
        assert texts(key) == all_(key)
    for alike in (
        [1, 1.0, True, Fraction(1), 1 + 0j],
        [0, -0.0, 0.0, False],
        [(1, 2.0), (1.0, 2)],
        [b"x", bytearray(b"x")],
        [2**70, float(2**70)],
    ):
        assert len({all_(key) for key in alike}) == 1
    assert all_(frozenset([1, "a"])) == all_(frozenset(["a", True]))
    assert all_(float("nan")) == all_(float("nan"))


def test_failures_say_their_phase(managed: spm.Pool) -> None:
    def bad_map(x: int) -> list[tuple[int, int]]:
        return [(1 // (x - 3), x)]

    def bad_reduce(key: int, values: list[int]) -> float:
        return sum(values) / (key - 4)

    with pytest.raises(ZeroDivisionError) as caught:
        spm.Aggregate(managed, map=bad_map, reduce=listed).run(range(9))
    assert "in the map phase, item 3" in caught.value.__notes__
    assert isinstance(caught.value, spm.TaskError)
    with pytest.raises(ZeroDivisionError) as caught:
        spm.Aggregate(managed, map=double, key=last_digit, reduce=bad_reduce).run(range(30))
    assert "in the reduce phase, key 4" in caught.value.__notes__


def test_answers_to_failures(managed: spm.Pool) -> None:
    def bad_map(x: int) -> list[tuple[int, int]]:
        return [(x % 2, 6 // (x - 3))]

    def bad_reduce(key: int, values: list[int]) -> float:
        return 1 / key

    def aggregate(answer: Any) -> Any:
        return spm.Aggregate(managed, map=bad_map, reduce=bad_reduce, on_error=answer)

    assert aggregate(lambda error: spm.Skip()).run(range(6)) == {1: 1.0}
    found = aggregate("collect").run(range(6))
    assert list(found) == [0, 1]
    assert isinstance(found[0], ZeroDivisionError)
    assert found[1] == 1.0
    collecting = aggregate("collect")
    collecting.run(range(6))
    assert len(collecting.failures) == 2

    def by_phase(error: spm.TaskError) -> spm.Substitute:
        in_map = any("map phase" in note for note in error.__notes__)
        return spm.Substitute([(7, 1)] if in_map else "none")

    assert aggregate(by_phase).run(range(6)) == {0: "none", 1: 1.0, 7: 1 / 7}


def test_input_is_read_as_far_as_needed(managed: spm.Pool) -> None:
    def numbers() -> Iterator[int]:
        yield from range(5)
        raise OSError("the input is broken")

    with pytest.raises(OSError, match="broken"):
        spm.Aggregate(managed, map=double, key=last_digit, reduce=listed).run(numbers())
    assert spm.List(managed, last_digit).run([11]) == [1]


def test_many_items(managed: spm.Pool) -> None:
    count = 64 * 64 + 100
    found = spm.Aggregate(managed, map=double, key=last_digit, reduce=total, combine=total).run(
        range(count)
    )
    assert sum(found.values()) == 3 * count * (count - 1) // 2
