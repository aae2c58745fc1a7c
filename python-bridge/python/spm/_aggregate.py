"""The `Aggregate` task manager: map, shuffle by key, combine, reduce. Coarse grain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from . import _aggregate_glue as glue
from . import _examples
from ._aggregate_machine import AggregateMachine
from ._closure import Closure, as_closure, prepare
from ._drive import Driver
from ._driven import Driven
from ._errors import CompileError
from ._examples import Awaited
from ._options import Settings
from ._results import Results
from ._spm import hidden

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Unpack

    from ._backend import Backend
    from ._options import Options
    from ._pool import Pool
    from ._settings import Options as ClosureOptions
    from ._stats import Stats

K = TypeVar("K")
R = TypeVar("R")

_PARTITIONS_MAX: Final = 64
_ROW: Final = "list[list[tuple["
"""How the compiler's name for what the map phase returns begins: a list of parts of entries."""
_PLACED_ALIKE: Final = ("int", "str")
"""Types of keys that compiled code places as plain Python does."""


class Aggregate(Generic[K, R]):
    """Map, shuffle, combine and reduce.

    `map(item)` returns a list of (key, value), or of values if `key(value)` gives their keys. All
    values of a key come together, in the order of the input, and `reduce(key, values)` makes the
    key's result. `combine(key, values)` may make one value of some of them early, so that less
    travels: it is given neighbours, and what it made before. Keys are what dicts take; those that
    are equal are one.

    Values stay on the hosts; only results come to the submitter. What is lost with a host is made
    again, if the input can be read again: if it is a list, a range or the like.

    Failures say in a note which phase, item and key it was. To `on_error`, `Skip()` leaves out the
    item or the key, and `Substitute(value)` stands for an item's pairs, or a key's result. With
    "collect", items that failed are left out, and failures of `reduce` stand among the results.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        map: Callable[..., Any],  # noqa: A002 - the word for it
        reduce: Callable[[K, list[Any]], R],
        key: Callable[[Any], K] | None = None,
        combine: Callable[[K, list[Any]], Any] | None = None,
        **options: Unpack[Options],
    ) -> None:
        """Take the functions to the hosts of `pool`, when `run` or `stream` is called."""
        self._pool = pool
        self._map = as_closure(map)
        self._reduce = as_closure(reduce)
        self._key = None if key is None else as_closure(key)
        self._combine = None if combine is None else as_closure(combine)
        self._settings = Settings.of(options, pool._settings)
        self._stats: Stats | None = None

    @hidden
    def run(self, *iterables: Iterable[Any]) -> dict[K, R]:
        """Run it; return results by key, in the order in which keys appear first."""
        results = self._open(iterables, None)
        with results:
            rows = sorted(results, key=lambda row: row[:2])
        return {row[2]: row[3] for row in rows}

    @hidden
    def stream(self, *iterables: Iterable[Any]) -> Results[tuple[K, R]]:
        """Give pairs of key and result, as partitions are reduced, in an order that stays the same."""
        return self._open(iterables, lambda row: row[2:])

    @property
    def stats(self) -> Stats | None:
        """What the last run amounted to."""
        return self._stats

    def _open(
        self, iterables: tuple[Iterable[Any], ...], value_of: Callable[[Any], Any] | None
    ) -> Results[Any]:
        pool, settings = self._pool, self._settings
        pool._check()
        # Hosts with one slot each may be few, and still parts should be small.
        partitions = min(_PARTITIONS_MAX, 2 * sum(host.slots for host in pool.hosts) or 2)
        rows = iter(zip(*iterables, strict=False))
        first = next(rows, None)
        if first is None:
            return Results(None, iter(()), settings, total=0)
        closures = self._prepare(pool._backend, (0, *first), partitions)
        split = self._splitting(partitions, glue.placing())
        backend = pool._backend
        machine = AggregateMachine(
            chain((first,), rows),
            partitions=partitions,
            row_at=_reader(iterables),
            bind=lambda place, args: backend.bind(closures[place], args, {}),
            split=split,
            retries=settings.retries,
        )
        driver = Driver(pool, closures, machine, settings, kind="aggregate")
        self._stats = driver.stats
        return Driven(driver, settings, pool, value_of)

    def _splitting(self, partitions: int, place: Callable[[Any], int]) -> Callable[..., Any]:
        """Make of an item's pairs its parts, as the map phase does."""
        pairs_of = glue.mapping(lambda values: values, self._key)
        return glue.splitting(pairs_of, glue.combining(self._combine), place, partitions)

    def _prepare(self, backend: Backend, example: tuple[Any, ...], partitions: int) -> list[Any]:
        """Make the closures of the phases, in the order in which the machine names them."""
        pairs_of = glue.mapping(self._map, self._key)
        combined = glue.combining(self._combine)
        mapped = _prepared_map(
            backend,
            glue.splitting(pairs_of, combined, glue.placing_texts(), partitions),
            glue.splitting(pairs_of, combined, glue.placing(), partitions),
            self._map._options,
            example,
        )
        joined = glue.joining()
        options = self._reduce._options
        merging = self._map._options if self._combine is None else self._combine._options
        name = _examples.result_type(mapped)
        parts = Awaited(name)
        return [
            mapped,
            _examples.prepare(
                backend, Closure(glue.merging(joined, combined), merging), (parts,), {}
            ),
            _examples.prepare(
                backend, Closure(glue.reducing(joined, self._reduce), options), (parts, 0, -1), {}
            ),
            _examples.prepare(backend, Closure(glue.listing(joined), options), (parts,), {}),
        ]

    def __repr__(self) -> str:
        return f"<spm.Aggregate of {self._map._name} and {self._reduce._name}>"


def _prepared_map(
    backend: Backend,
    texts: Callable[..., Any],
    general: Callable[..., Any],
    options: ClosureOptions,
    example: tuple[Any, ...],
) -> Any:
    """Make the closure of the map phase: compiled, if keys are of types that allow it.

    Compiled code places keys by `texts`, all other code by `general`; they agree on such types.
    """
    if options.engine in ("auto", "native"):
        try:
            made, _ = backend.prepare(
                Closure(texts, replace(options, engine="native")), example, {}
            )
        except CompileError:
            if options.engine == "native":
                raise
        else:
            name = _examples.result_type(made)
            if name is not None and name.startswith(_ROW):
                key = name.removeprefix(_ROW).partition(",")[0]
                if key in _PLACED_ALIKE:
                    if options.engine == "auto":
                        _back(made, Closure(general, options), example)
                    return made
                if options.engine == "native":
                    raise CompileError(
                        f"keys are `{key}` here, and the native engine takes int or str; "
                        'leave out `engine="native"`'
                    )
    closure = _examples.interpreted(Closure(general, options), example)
    return backend.prepare(closure, example, {})[0]


def _back(made: Any, closure: Closure[..., Any], example: tuple[Any, ...]) -> None:
    """Have tasks that leave compiled code run by an engine that takes all."""
    compiled = getattr(made, "specialisation", made)
    try:
        compiled.fallback = prepare(_examples.interpreted(closure, example), example, {})[0]
    except CompileError as error:
        compiled.unbacked = str(error)


def _reader(
    iterables: tuple[Iterable[Any], ...],
) -> Callable[[int], tuple[Any, ...]] | None:
    """Find out how to read a row a second time, if all the input is such that one can."""
    sequences = [item for item in iterables if isinstance(item, Sequence)]
    if len(sequences) < len(iterables):
        return None
    return lambda index: tuple([sequence[index] for sequence in sequences])
