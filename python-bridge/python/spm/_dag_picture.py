"""A picture of a graph: nodes in layers, each below all that it needs."""

from __future__ import annotations

from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from ._dag_machine import DONE, FAILED, RUNNING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._dag import Node

_LAYERS_MAX: Final = 24
_WIDE_MAX: Final = 12
"""Nodes that are drawn of a layer; the rest is counted."""
_WIDTH: Final = 116
_HEIGHT: Final = 26
_GAP_X: Final = 12
_GAP_Y: Final = 34
_NAME_MAX: Final = 17
_IDLE_COLOUR: Final = "#e4e4e0"
_COLOURS: Final = {DONE: "#a9d6b8", FAILED: "#e3a08f", RUNNING: "#f0d692"}


def picture(nodes: Sequence[Node[Any]]) -> str:
    """Draw the graph as SVG. Of a large one, the first layers, and of them the first nodes."""
    layers = _layers(nodes)
    shown = [layer[:_WIDE_MAX] for layer in layers[:_LAYERS_MAX]]
    _untangle(shown)
    columns = max(
        (len(layer) + (len(layer) < len(all_)) for layer, all_ in zip(shown, layers, strict=False)),
        default=1,
    )
    width = columns * (_WIDTH + _GAP_X) + _GAP_X
    height = (len(shown) + (len(shown) < len(layers))) * (_HEIGHT + _GAP_Y) + _GAP_Y
    places = {
        node.index: _place(row, column, len(layer), width)
        for row, layer in enumerate(shown)
        for column, node in enumerate(layer)
    }
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="11" text-anchor="middle">'
    )
    parts = [opening]
    for layer in shown:
        for node in layer:
            parts += _edges(node, places)
    for row, layer in enumerate(shown):
        parts += [_box(node, *places[node.index]) for node in layer]
        hidden = len(layers[row]) - len(layer)
        if hidden:
            x, y = _place(row, len(layer), len(layer), width)
            parts.append(
                f'<text x="{x + 30}" y="{y + 17}" fill="currentColor">and {hidden} more</text>'
            )
    left_out = sum(map(len, layers[len(shown) :]))
    if left_out:
        y = len(shown) * (_HEIGHT + _GAP_Y) + _GAP_Y
        parts.append(
            f'<text x="{width / 2}" y="{y}" fill="currentColor">and {left_out} nodes in '
            f"{len(layers) - len(shown)} more layers</text>"
        )
    parts.append("</svg>")
    return "".join(parts)


def _layers(nodes: Sequence[Node[Any]]) -> list[list[Node[Any]]]:
    """Put each node below all that it needs."""
    depth = [0] * len(nodes)
    waits = [len(node._needs()) for node in nodes]
    ready = [node for node in nodes if not waits[node.index]]
    layers: list[list[Node[Any]]] = []
    for node in ready:
        here = depth[node.index]
        if here == len(layers):
            layers.append([])
        layers[here].append(node)
        for other in node.used_by:
            depth[other.index] = max(depth[other.index], here + 1)
            waits[other.index] -= 1
            if not waits[other.index]:
                ready.append(other)
    return layers


def _untangle(layers: list[list[Node[Any]]]) -> None:
    """Order each layer by the middle of what its nodes need, so that fewer lines cross."""
    for above, layer in pairwise(layers):
        columns = {node.index: column for column, node in enumerate(above)}

        def middle(node: Node[Any], columns: dict[int, int] = columns) -> float:
            found = [columns[need.index] for need in node._needs() if need.index in columns]
            return sum(found) / len(found) if found else len(columns)

        layer.sort(key=middle)


def _place(row: int, column: int, count: int, width: int) -> tuple[float, float]:
    left = (width - count * (_WIDTH + _GAP_X)) / 2
    x = left + (column + 0.5) * (_WIDTH + _GAP_X)
    return max(x, (column + 0.5) * (_WIDTH + _GAP_X)), _GAP_Y / 2 + row * (_HEIGHT + _GAP_Y)


def _edges(node: Node[Any], places: dict[int, tuple[float, float]]) -> list[str]:
    x, y = places[node.index]
    drawn = []
    for need in node._needs():
        if need.index in places:
            from_x, from_y = places[need.index]
            below = from_y + _HEIGHT
            bend = (below + y) / 2
            dash = ' stroke-dasharray="3 3"' if need in node.after_nodes else ""
            drawn.append(
                f'<path d="M{from_x:.0f},{below:.0f} C{from_x:.0f},{bend:.0f} {x:.0f},{bend:.0f} '
                f'{x:.0f},{y:.0f}" fill="none" stroke="#888"{dash}/>'
            )
    return drawn


def _box(node: Node[Any], x: float, y: float) -> str:
    name = node.name.rpartition(".")[2]
    short = name if len(name) <= _NAME_MAX else f"{name[: _NAME_MAX - 1]}…"
    colour = _COLOURS.get(node.state, _IDLE_COLOUR)
    return (
        f'<g><title>{escape(repr(node)[1:-1])}</title><rect x="{x - _WIDTH / 2:.0f}" y="{y:.0f}" '
        f'width="{_WIDTH}" height="{_HEIGHT}" rx="4" fill="{colour}" stroke="#555"/>'
        f'<text x="{x:.0f}" y="{y + 17:.0f}">{escape(short)}</text></g>'
    )
