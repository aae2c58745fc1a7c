"""The functions that an `Aggregate` runs on hosts: they call those of the user.

They are plain functions, so that every engine takes them. Keys with their values are entries:
(key, number of the item that had it first, place among that item's pairs, values). A part is a list
of the entries whose keys belong together, in the order of first appearance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Entry = tuple[Any, int, int, list[Any]]
    Part = list[Entry]


def mapping(
    function: Callable[..., Any], key: Callable[[Any], Any] | None
) -> Callable[..., Any]:
    """Make of `map`, and of `key` if there is one, what gives pairs."""
    if key is None:
        return function
    key_of = key

    def paired(*items):  # type: ignore[no-untyped-def]
        return [(key_of(value), value) for value in function(*items)]

    return paired


def splitting(
    pairs_of: Callable[..., Any],
    combined: Callable[[Part], Part],
    place: Callable[[Any], int],
    parts: int,
) -> Callable[..., Any]:
    """Make the task of the map phase: from an item to its parts, one for each partition."""

    def mapped(number, *items):  # type: ignore[no-untyped-def]
        places = {}
        entries = []
        position = 0
        for key, value in pairs_of(*items):
            if key in places:
                entries[places[key]][3].append(value)
            else:
                places[key] = len(entries)
                entries.append((key, number, position, [value]))
            position += 1
        split = [entries[:0] for _ in range(parts)]
        for entry in combined(entries):
            split[place(entry[0]) % parts].append(entry)
        return split

    return mapped


def combining(combine: Callable[[Any, list[Any]], Any] | None) -> Callable[[Part], Part]:
    """Make what a combiner does to a part."""
    if combine is None:

        def left(entries):  # type: ignore[no-untyped-def]
            return entries

        return left
    combined_of = combine

    def combined(entries):  # type: ignore[no-untyped-def]
        return [
            (entry[0], entry[1], entry[2], [combined_of(entry[0], entry[3])]) for entry in entries
        ]

    return combined


def joining() -> Callable[[list[Part]], Part]:
    """Make what puts parts together, given in the order of items."""

    def joined(parts):  # type: ignore[no-untyped-def]
        places = {}
        entries = []
        for part in parts:
            for entry in part:
                key = entry[0]
                if key in places:
                    entries[places[key]][3].extend(entry[3])
                else:
                    places[key] = len(entries)
                    entries.append((key, entry[1], entry[2], entry[3][:]))
        return entries

    return joined


def merging(
    joined: Callable[[list[Part]], Part], combined: Callable[[Part], Part]
) -> Callable[[list[Part]], Part]:
    """Make the task of a merge: from parts of one partition to one."""

    def merged(parts):  # type: ignore[no-untyped-def]
        return combined(joined(parts))

    return merged


def reducing(
    joined: Callable[[list[Part]], Part], reduce: Callable[[Any, list[Any]], Any]
) -> Callable[..., Any]:
    """Make the task of the reduce phase: results of the keys from `start` up to `stop`.

    They are rows of item number, place, key and result. A `stop` of -1 is the end.
    """

    def reduced(parts, start, stop):  # type: ignore[no-untyped-def]
        entries = joined(parts)
        end = len(entries) if stop < 0 else stop
        return [
            (entry[1], entry[2], entry[0], reduce(entry[0], entry[3]))
            for entry in entries[start:end]
        ]

    return reduced


def listing(joined: Callable[[list[Part]], Part]) -> Callable[[list[Part]], list[Any]]:
    """Make the task that says which keys a partition has."""

    def listed(parts):  # type: ignore[no-untyped-def]
        return [(entry[1], entry[2], entry[0]) for entry in joined(parts)]

    return listed


# Where keys belong. Keys that are equal have to come together, on every host and in every engine.


def placing_texts() -> Callable[[Any], int]:
    """Make what places an int or a str; the compiler takes it."""

    def place_of_text(key):  # type: ignore[no-untyped-def]
        found = 0
        for character in repr(key):
            # What is multiplied here stays within 64 bits.
            found = (found * 31 + ord(character)) % 2147483647
        return found

    return place_of_text


def placing() -> Callable[[Any], int]:
    """Make what places any key: an int and a str where `placing_texts` does."""
    place_of_text = placing_texts()

    def place_of_number(key):  # type: ignore[no-untyped-def]
        # 1, 1.0, True and Fraction(1) are one key.
        try:
            top, bottom = key.as_integer_ratio()
        except (ValueError, OverflowError):
            return 11  # NaN and infinities
        if bottom == 1:
            return place_of_text(int(top))
        return (place_of_text(int(top)) * 31 + place_of_text(int(bottom))) % 2147483647

    def place_of(key):  # type: ignore[no-untyped-def]
        if isinstance(key, str):
            return place_of_text(str(key))
        if isinstance(key, (bytes, bytearray)):
            return place_of_text(bytes(key))
        if isinstance(key, tuple):
            found = 7
            for item in key:
                found = (found * 31 + place_of(item)) % 2147483647
            return found
        if isinstance(key, frozenset):
            return sum([place_of(item) for item in key]) % 2147483647
        if hasattr(key, "as_integer_ratio"):
            return place_of_number(key)
        if isinstance(key, complex) and key.imag == 0:
            return place_of(key.real)
        # All others come together: which of them are equal is for their classes to say.
        return 17

    return place_of
