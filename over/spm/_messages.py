"""Receives and the messages they get: in the order that both were made, as MPI has it.

It needs of a transport: `rank`, `size`, `send(destination, tag, value)`, `receive(source, tag)`,
which waits and returns (source, tag, value), and `poll(source, tag)`, which returns None instead.
"""

from __future__ import annotations

from typing import Any, Final, Protocol, TypeAlias

ANY_SOURCE: Final = -1
"""A receive takes messages of every rank."""
ANY_TAG: Final = -1
"""A receive takes messages of every tag."""
TAGS: Final = 2**30
"""Tags of users are below; those of collective operations are not."""

Message: TypeAlias = tuple[int, int, Any]
"""Source, tag, value."""


class Transport(Protocol):
    """What carries messages between ranks; those of one source, destination and tag in order."""

    rank: int
    size: int

    def send(self, destination: int, tag: int, value: Any) -> None:
        """Send; returns at once."""

    def receive(self, source: int, tag: int) -> Message:
        """Wait for the first message of this source and tag; -1 stands for any."""

    def poll(self, source: int, tag: int) -> Message | None:
        """The same, if there is one by now."""


class Receive:
    """A receive that was asked for, and the message once it has come."""

    __slots__ = ("message", "source", "tag")

    def __init__(self, source: int, tag: int) -> None:
        self.source = source
        self.tag = tag
        self.message: Message | None = None

    def takes(self, message: Message) -> bool:
        """Whether a message is one of those it is for."""
        source, tag, _ = message
        if self.source not in (ANY_SOURCE, source):
            return False
        # What a collective operation sends is for that operation only.
        return self.tag == tag or (self.tag == ANY_TAG and tag < TAGS)


class Mail:
    """One rank's receives, and messages that came before anybody asked for them."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._posted: list[Receive] = []
        self._early: list[Message] = []

    def post(self, source: int, tag: int) -> Receive:
        """Ask for a message."""
        receive = Receive(source, tag)
        for place, message in enumerate(self._early):
            if receive.takes(message):
                receive.message = self._early.pop(place)
                return receive
        self._posted.append(receive)
        return receive

    def wait(self, receive: Receive) -> Message:
        """Wait until a receive has its message."""
        while receive.message is None:
            if len(self._posted) == 1:
                source, tag = receive.source, receive.tag
            else:
                source, tag = ANY_SOURCE, ANY_TAG
            self._sort(self.transport.receive(source, tag))
        return receive.message

    def test(self, receive: Receive) -> bool:
        """Whether a receive has its message by now."""
        while receive.message is None:
            message = self.transport.poll(ANY_SOURCE, ANY_TAG)
            if message is None:
                return False
            self._sort(message)
        return True

    def receive(self, source: int, tag: int) -> Message:
        """Ask for a message, and wait for it."""
        return self.wait(self.post(source, tag))

    def _sort(self, message: Message) -> None:
        for place, receive in enumerate(self._posted):
            if receive.takes(message):
                receive.message = message
                del self._posted[place]
                return
        self._early.append(message)
