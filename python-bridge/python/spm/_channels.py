"""Channels around a channel: what a sandbox calls, what plain Python calls, and a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _spm
from ._channel import Channel
from ._errors import InternalError
from ._travelled import classes_in

if TYPE_CHECKING:
    from ._channel import Message
    from ._closure import Specialisation
    from ._travelled import Travelled


class Halt(BaseException):
    """Ends a task whose run is over; no `except Exception` of the task's stops it."""


class Wire:
    """What a sandbox calls: values are bytes, and names are those of the world's interfaces."""

    def __init__(self, channel: Channel, closure: Specialisation | Travelled) -> None:
        self._channel = channel
        self._closure = closure
        self.manager = channel.manager
        self.rank = channel.rank
        self.size = channel.size

    def ask(self, question: bytes) -> bytes:
        """Ask the hub."""
        answer = self._channel.ask(self._closure.decode(question))
        return _spm.encode(answer, self._closure.classes, "the answer of `on_message`")

    def spawn(self, arguments: bytes, priority: float) -> None:
        """Make a task."""
        self._channel.spawn(tuple(self._closure.decode(arguments)), priority)

    def bound(self) -> float:
        """Say the bound."""
        return self._channel.bound()

    def improve(self, value: float) -> None:
        """Lower the bound."""
        self._channel.improve(value)

    def send(self, destination: int, tag: int, message: bytes) -> None:
        """Send a message."""
        self._channel.send(destination, tag, message)

    def receive(self, source: int, tag: int) -> tuple[int, int, bytes]:
        """Wait for a message."""
        return self._channel.receive(source, tag)

    def poll(self, source: int, tag: int) -> tuple[int, int, bytes] | None:
        """Take a message if there is one."""
        return self._channel.poll(source, tag)


class Copying(Channel):
    """What plain Python calls: values pass the codec, as they would on their way."""

    def __init__(self, channel: Channel, classes: tuple[type, ...]) -> None:
        super().__init__()
        self._channel = channel
        self._classes = classes
        self.manager = channel.manager
        self.rank = channel.rank
        self.size = channel.size

    def _copied(self, value: Any, what: str) -> Any:
        classes = tuple(dict.fromkeys([*self._classes, *classes_in(value)]))
        return _spm.decode(_spm.encode(value, classes, what), classes)

    def ask(self, question: Any) -> Any:
        """Ask the hub."""
        answer = self._channel.ask(self._copied(question, "the question"))
        return self._copied(answer, "the answer of `on_message`")

    def spawn(self, row: tuple[Any, ...], priority: float) -> None:
        """Make a task."""
        self._channel.spawn(self._copied(row, "the arguments of a spawned task"), float(priority))

    def bound(self) -> float:
        """Say the bound."""
        return self._channel.bound()

    def improve(self, value: float) -> None:
        """Lower the bound."""
        self._channel.improve(float(value))

    def send(self, destination: int, tag: int, value: Any) -> None:
        """Send a message."""
        self._channel.send(destination, tag, self._copied(value, "the message"))

    def receive(self, source: int, tag: int) -> Message:
        """Wait for a message."""
        return self._channel.receive(source, tag)

    def poll(self, source: int, tag: int) -> Message | None:
        """Take a message if there is one."""
        return self._channel.poll(source, tag)


class Recording(Channel):
    """Notes what a task does and hears, so that it can be run a second time without effect."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._channel = channel
        self.manager = channel.manager
        self.noted: list[tuple[str, Any, Any]] = []

    def ask(self, question: Any) -> Any:
        """Ask the hub."""
        answer = self._channel.ask(question)
        self.noted.append(("asked", question, answer))
        return answer

    def spawn(self, row: tuple[Any, ...], priority: float) -> None:
        """Make a task."""
        self._channel.spawn(row, priority)
        self.noted.append(("spawned", (row, priority), None))

    def bound(self) -> float:
        """Say the bound."""
        value = self._channel.bound()
        self.noted.append(("read the bound", None, value))
        return value

    def improve(self, value: float) -> None:
        """Lower the bound."""
        self._channel.improve(value)
        self.noted.append(("improved", value, None))

    def replay(self) -> Replay:
        """Make the channel of the second run."""
        return Replay(self.noted, self.manager)


class Replay(Channel):
    """Answers as before, and raises InternalError where a task does something else."""

    def __init__(self, noted: list[tuple[str, Any, Any]], manager: int) -> None:
        super().__init__()
        self._noted = noted
        self._next = 0
        self._difference: str | None = None
        self.manager = manager

    def ask(self, question: Any) -> Any:
        """Give the answer of the first run."""
        return self._again("asked", question)

    def spawn(self, row: tuple[Any, ...], priority: float) -> None:
        """Compare."""
        self._again("spawned", (row, priority))

    def bound(self) -> float:
        """Give the bound of the first run."""
        value: float = self._again("read the bound", None)
        return value

    def improve(self, value: float) -> None:
        """Compare."""
        self._again("improved", value)

    def finish(self) -> None:
        """Raise if the first run did something else, or more."""
        if self._difference is None and self._next < len(self._noted):
            did, what, _ = self._noted[self._next]
            self._difference = f"the sandbox {_told(did, what)}, plain Python did not"
        if self._difference is not None:
            raise InternalError(self._difference)

    def _again(self, did: str, what: Any) -> Any:
        noted = self._noted[self._next] if self._next < len(self._noted) else None
        if noted is None or (noted[0], repr(noted[1])) != (did, repr(what)):
            was = "did not" if noted is None else _told(noted[0], noted[1])
            self._difference = f"the sandbox {was}, plain Python {_told(did, what)}"
            raise Halt
        self._next += 1
        return noted[2]


def _told(did: str, what: Any) -> str:
    return did if what is None else f"{did} {what!r}"
