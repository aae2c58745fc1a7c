"""The closures of a `Dag`: one for all nodes of the same function and types; and nodes' arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from . import _examples
from ._dag_machine import HERE, Vertex
from ._examples import Awaited

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from ._backend import Backend
    from ._dag import Node

SCALARS: Final = frozenset({type(None), bool, int, float, complex, str, bytes})


class Closures:
    """What nodes of one run are run by."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.made: list[Any] = []
        """Prepared closures; nodes name them by their places here."""
        self._results: list[str | None] = []
        self._places: dict[int, int] = {}
        self._known: dict[Hashable, int] = {}

    def of(self, node: Node[Any]) -> int:
        """Find or make the closure of a node. Those of its inputs were asked for before."""
        key: Hashable | None
        try:
            kinds = _kinds(node._args), tuple(node._kwargs), _kinds(node._kwargs.values())
            key = id(node._function), kinds
            place = self._known.get(key)
        except _Unkeyed:
            place = key = None
        if place is None:
            place = self._make(node)
            if key is not None:
                self._known[key] = place
        return place

    def row_of(self, node: Node[Any]) -> tuple[Any, ...]:
        """The arguments of a node whose inputs are done."""
        args, kwargs = node._args, node._kwargs
        if node.inputs:
            args = tuple([_done(value) for value in args])
            kwargs = {name: _done(value) for name, value in kwargs.items()}
        return self._backend.bind(self.made[node.closure], args, kwargs)

    def _make(self, node: Node[Any]) -> int:
        args = tuple([self._awaited(value) for value in node._args])
        kwargs = {name: self._awaited(value) for name, value in node._kwargs.items()}
        made = _examples.prepare(self._backend, node._function, args, kwargs)
        place = self._places.get(id(made))
        if place is None:
            place = self._places[id(made)] = len(self.made)
            self.made.append(made)
            self._results.append(_examples.result_type(made))
        return place

    def _awaited(self, value: Any) -> Any:
        """Put what is known of results in the places of nodes."""
        kind = type(value)
        if kind in SCALARS:
            return value
        if isinstance(value, Vertex):
            if value.place == HERE:
                return value.value
            return Awaited(self._results[value.closure])
        if kind is list:
            return [self._awaited(item) for item in value]
        if kind is tuple:
            return tuple([self._awaited(item) for item in value])
        if kind is dict:
            return {key: self._awaited(item) for key, item in value.items()}
        return value


class _Unkeyed(Exception):
    """Values of some type whose closure cannot be known by it alone."""


def _kinds(values: Iterable[Any]) -> tuple[Hashable, ...]:
    return tuple([type(value) if type(value) in SCALARS else _kind(value) for value in values])


def _kind(value: Any) -> Hashable:
    kind = type(value)
    if kind in SCALARS:
        return kind
    if isinstance(value, Vertex):
        return _kind(value.value) if value.place == HERE else value.closure
    if kind is list:
        return kind, frozenset(_kinds(value))
    if kind is tuple:
        return kind, _kinds(value)
    if kind is dict:
        return kind, frozenset(_kinds(value)), frozenset(_kinds(value.values()))
    raise _Unkeyed


def _done(value: Any) -> Any:
    """Put results, or where they are, in the places of nodes."""
    kind = type(value)
    if kind in SCALARS:
        return value
    if isinstance(value, Vertex):
        return value.value
    if kind is list:
        return [_done(item) for item in value]
    if kind is tuple:
        return tuple([_done(item) for item in value])
    if kind is dict:
        return {key: _done(item) for key, item in value.items()}
    return value
