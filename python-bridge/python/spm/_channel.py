"""What a task may do beyond computing, in plain Python: the task's end of its manager."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Any, TypeAlias

from ._ranks import ANY_SOURCE, ANY_TAG

if TYPE_CHECKING:
    from collections.abc import Iterable

Message: TypeAlias = tuple[int, int, Any]
"""Source, tag, value."""


class Channel:
    """That of a task without a manager: it makes no tasks, asks nobody, and is a team of one."""

    manager = 0
    """The number of the manager that runs the task, as `wit/closure.wit` has it."""
    rank = 0
    size = 1

    def __init__(self) -> None:
        self._sent: deque[Message] = deque()

    def ask(self, question: Any) -> Any:
        """Ask the hub."""
        del question
        raise RuntimeError("only tasks of an spm.Farm may ask the hub")

    def spawn(self, row: tuple[Any, ...], priority: float) -> None:
        """Make a task."""
        del row, priority
        raise RuntimeError("only tasks of an spm.Template may spawn tasks")

    def bound(self) -> float:
        """Say the least value that any task has told of."""
        return math.inf

    def improve(self, value: float) -> None:
        """Tell all tasks of a value."""

    def send(self, destination: int, tag: int, value: Any) -> None:
        """Send a message to a rank: here that is this one."""
        self._sent.append((destination, tag, value))

    def receive(self, source: int, tag: int) -> Message:
        """Take a message; there is nobody to wait for."""
        message = self.poll(source, tag)
        if message is None:
            raise RuntimeError(
                "spm.team has one rank here, which waits for a message that it did not send"
            )
        return message

    def poll(self, source: int, tag: int) -> Message | None:
        """Take a message if there is one."""
        for place, message in enumerate(self._sent):
            if source in (ANY_SOURCE, message[0]) and tag in (ANY_TAG, message[1]):
                del self._sent[place]
                return message
        return None


class Carrier:
    """Carries the messages of `spm.team` over a channel."""

    __slots__ = ("_channel",)

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    @property
    def rank(self) -> int:
        """Which rank it is, from 0."""
        return self._channel.rank

    @property
    def size(self) -> int:
        """How many there are."""
        return self._channel.size

    def send(self, destination: int, tag: int, value: Any) -> None:
        """Send a value to a rank."""
        self._channel.send(destination, tag, value)

    def send_each(self, destinations: Iterable[int], tag: int, value: Any) -> None:
        """Send a value to several ranks."""
        for destination in destinations:
            self.send(destination, tag, value)

    def receive(self, source: int | None, tag: int | None) -> Message:
        """Wait for the first message of this source and tag; None is any."""
        return self._channel.receive(
            ANY_SOURCE if source is None else source, ANY_TAG if tag is None else tag
        )

    def poll(self, source: int | None, tag: int | None) -> Message | None:
        """Take that message if it is there."""
        return self._channel.poll(
            ANY_SOURCE if source is None else source, ANY_TAG if tag is None else tag
        )
