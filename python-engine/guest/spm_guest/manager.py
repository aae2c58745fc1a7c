"""The connection of the running task with its manager."""

from typing import TYPE_CHECKING, Any, Final

from . import codec, streams
from ._ranks import Alone, Endpoint
from .classes import EMPTY, ClassTable
from .host import HOST

if TYPE_CHECKING:
    from collections.abc import Iterable

FARM: Final = 1
TEMPLATE: Final = 2
TEAM: Final = 3


class Wire:
    """Messages between the ranks of a team, through the host."""

    __slots__ = ("_table", "rank", "size")

    def __init__(self, table: ClassTable) -> None:
        """Learn which rank this is."""
        self._table = table
        self.rank = HOST.rank()
        self.size = HOST.size()

    def send(self, destination: int, tag: int, value: Any) -> None:
        """Send to one rank."""
        self.send_each((destination,), tag, value)

    def send_each(self, destinations: "Iterable[int]", tag: int, value: Any) -> None:
        """Send the same to several ranks."""
        message = codec.encode(value, self._table, "the message")
        for destination in destinations:
            HOST.send(destination, tag, message)

    def receive(self, source: int | None, tag: int | None) -> tuple[int, int, Any]:
        """Wait for a message."""
        streams.flush()
        return self._read(HOST.receive(_number(source), _number(tag)))

    def poll(self, source: int | None, tag: int | None) -> tuple[int, int, Any] | None:
        """Take a message if it is there."""
        found = HOST.poll(_number(source), _number(tag))
        return None if found is None else self._read(found)

    def _read(self, found: tuple[int, int, bytes]) -> tuple[int, int, Any]:
        source, tag, message = found
        return source, tag, codec.decode(message, self._table)


def _number(wanted: int | None) -> int:
    return -1 if wanted is None else wanted


class _Running:
    """What is known of the running task's manager. Looked up when the task first asks."""

    __slots__ = ("endpoint", "kind", "table")

    def __init__(self) -> None:
        self.begin(EMPTY)

    def begin(self, table: ClassTable) -> None:
        """Begin a task whose values may be of these classes."""
        self.table = table
        self.kind: int | None = None
        self.endpoint: Endpoint | None = None


RUNNING: Final = _Running()


def is_of(kind: int) -> bool:
    """Whether the running task is one of this manager's."""
    if RUNNING.kind is None:
        RUNNING.kind = HOST.manager()
    return RUNNING.kind == kind


def endpoint() -> Endpoint:
    """Find the messages of the running task."""
    found = RUNNING.endpoint
    if found is None:
        table = RUNNING.table
        found = Endpoint(Wire(table) if is_of(TEAM) else Alone(_copy))
        RUNNING.endpoint = found
    return found


def _copy(value: Any) -> Any:
    """Make of a value what crossing would make of it."""
    return codec.decode(codec.encode(value, RUNNING.table, "the message"), RUNNING.table)
