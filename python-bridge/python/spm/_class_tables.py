"""One class table for all closures of a run: their tasks' results are each other's arguments.

Values name classes by their place in a closure's table, and what goes from host to host is not
decoded on its way. So a run's interpreted closures get tables that are the same.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from ._guest import Guest
from ._program import Program
from ._specialise import Specialisation
from ._travelled import Travelled, with_classes

if TYPE_CHECKING:
    from collections.abc import Iterable


def unified(made: Iterable[Any]) -> list[Any]:
    """Make the same closures with a table of all their classes."""
    closures = list(made)
    tables = [found.classes for closure in closures for found in _forms(closure)]
    classes = tuple(dict.fromkeys(class_ for table in tables for class_ in table))
    if all(table == classes for table in tables):
        return closures
    return [_with(closure, classes) for closure in closures]


def _forms(closure: Any) -> list[Specialisation | Travelled | Guest | Program]:
    """Find the forms of a closure that have classes: itself, and what runs the tasks that leave it."""
    compiled = getattr(closure, "specialisation", closure)
    forms = (compiled, getattr(compiled, "fallback", None))
    return [
        form
        for form in forms
        if isinstance(form, Travelled | Guest | Program)
        or (isinstance(form, Specialisation) and form.classes)
    ]


def _with(closure: Any, classes: tuple[type, ...]) -> Any:
    if isinstance(closure, Travelled):
        return with_classes(closure, classes)
    if isinstance(closure, Guest | Program):
        return closure.with_classes(classes)
    made = copy.copy(closure)
    if isinstance(closure, Specialisation):
        made = copy.copy(closure.with_classes(classes))
    if hasattr(closure, "specialisation"):
        made.specialisation = _with(closure.specialisation, classes)
        made.plain = copy.copy(closure.plain)
        made.plain.classes = classes
    elif isinstance(getattr(closure, "fallback", None), Travelled):
        made.fallback = with_classes(closure.fallback, classes)
    return made
