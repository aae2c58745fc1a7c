"""Results of the task managers whose tasks are not independent: `Results` over a driver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from ._errors import TaskError
from ._machine import Failure
from ._results import Results

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._drive import Driver
    from ._options import Settings
    from ._pool import Pool

R = TypeVar("R")


class Driven(Results[R]):
    """Results that a machine lets out."""

    def __init__(
        self,
        driver: Driver,
        settings: Settings,
        pool: Pool,
        value_of: Callable[[Any], Any] | None = None,
    ) -> None:
        """`value_of` makes what users see of what the machine lets out."""
        self._driver = driver
        self._value_of = value_of
        super().__init__(cast("Any", driver), iter(()), settings)
        self._rows = None
        self.stats = driver.stats
        self._failures = driver.failures
        with pool._state:
            pool._results.add(self)

    def _fill(self) -> None:
        if self._run is None:
            return
        try:
            self._driver.fill()
        except BaseException:
            self._stop()
            raise

    def _step(self, *, at_once: bool = False) -> None:
        driver = self._driver
        try:
            in_time = driver.step(1e-6 if at_once else self._wait_s())
        except BaseException:
            self._stop()
            raise
        if not in_time and not at_once:
            self._stop()
            raise TimeoutError
        out = driver.machine.out
        while out and self._failed is None:
            value = out.popleft()
            if isinstance(value, Failure):
                self._failed = _Raised(value.error)
            else:
                self._ready.append(value if self._value_of is None else self._value_of(value))
        if driver.is_closed and self._failed is None:
            self._stop()

    def _give_failure(self) -> None:
        """Raise the failure that is next: errors that are collected are results already."""
        failed, self._failed = self._failed, None
        assert failed is not None
        error = failed.error()
        self._driver.note_cancelled(error)
        self._raise(error)


class _Raised:
    """A failure as a run would give it."""

    def __init__(self, error: TaskError) -> None:
        self._error = error

    @property
    def is_cancelled(self) -> bool:
        return False

    def error(self) -> TaskError:
        return self._error
