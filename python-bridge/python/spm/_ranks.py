"""`spm.team`: ranks that talk to each other, over whatever carries their messages.

The same source runs in the sandbox and in plain Python (`_collectives` says how); each side brings a `Transport`.
"""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from . import _collectives as collectives
from ._collectives import COLLECTIVE_TAGS, Op

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

ANY_SOURCE: Final = -1
ANY_TAG: Final = -1

_Received = tuple[int, int, Any]


class Transport(Protocol):
    """Carries messages of one rank. Those of one source and one tag arrive in the order they were sent."""

    @property
    def rank(self) -> int:
        """Which rank it is, from 0."""

    @property
    def size(self) -> int:
        """How many there are."""

    def send(self, destination: int, tag: int, value: Any) -> None:
        """Send a copy of the value; do not wait until it is received."""

    def send_each(self, destinations: Iterable[int], tag: int, value: Any) -> None:
        """Send a copy to each of several ranks."""

    def receive(self, source: int | None, tag: int | None) -> _Received:
        """Wait for the first message of this source and tag; None is any."""

    def poll(self, source: int | None, tag: int | None) -> _Received | None:
        """Take that message if it is there."""


class Alone:
    """The transport of a task that is in no team: a team of one."""

    rank: Final = 0
    size: Final = 1

    def __init__(self, copy: Callable[[Any], Any]) -> None:
        """Begin without messages; `copy` does what crossing does to a value."""
        self._copy = copy
        self._waiting: list[tuple[int, Any]] = []

    def send(self, destination: int, tag: int, value: Any) -> None:
        """Keep it: there is nobody else."""
        del destination
        self._waiting.append((tag, self._copy(value)))

    def send_each(self, destinations: Iterable[int], tag: int, value: Any) -> None:
        """Keep a copy for each."""
        for destination in destinations:
            self.send(destination, tag, value)

    def receive(self, source: int | None, tag: int | None) -> _Received:
        """Take what this task sent itself."""
        found = self.poll(source, tag)
        if found is None:
            raise RuntimeError(
                "nothing can be received: this task is a team of one, and sent itself no such message"
            )
        return found

    def poll(self, source: int | None, tag: int | None) -> _Received | None:
        """Take it if it is there."""
        del source
        for place, (each, value) in enumerate(self._waiting):
            if tag is None or tag == each:
                del self._waiting[place]
                return 0, each, value
        return None


class Status:
    """Where a message came from: `recv` fills it."""

    __slots__ = ("source", "tag")

    def __init__(self) -> None:
        """Begin with what no message has."""
        self.source = ANY_SOURCE
        self.tag = ANY_TAG

    def Get_source(self) -> int:  # noqa: N802  # mpi4py's name
        """Return the rank that sent it."""
        return self.source

    def Get_tag(self) -> int:  # noqa: N802
        """Return its tag."""
        return self.tag


class Request:
    """A message that is on its way."""

    __slots__ = ("_endpoint", "_received", "source", "tag")

    def __init__(
        self, endpoint: Endpoint, source: int | None, tag: int | None, received: _Received | None
    ) -> None:
        """Wait for a message of this source and tag, unless it has been received."""
        self._endpoint = endpoint
        self._received = received
        self.source = source
        self.tag = tag

    @property
    def is_done(self) -> bool:
        """Whether nothing is waited for."""
        return self._received is not None

    def takes(self, received: _Received) -> bool:
        """Whether a message is what this waits for."""
        source, tag, _ = received
        is_tag = tag < COLLECTIVE_TAGS if self.tag is None else tag == self.tag
        return is_tag and self.source in {None, source}

    def receive(self, received: _Received) -> None:
        """Have the message."""
        self._received = received

    def wait(self, status: Status | None = None) -> Any:
        """Wait until it is done. Returns the message; None for one that was sent."""
        self._endpoint.wait(self)
        return self._result(status)

    def test(self, status: Status | None = None) -> tuple[bool, Any]:
        """Tell whether it is done by now, and the message if so."""
        if not self.is_done:
            self._endpoint.progress()
        return (True, self._result(status)) if self.is_done else (False, None)

    def withdraw(self) -> None:
        """Wait no longer."""
        self._endpoint.withdraw(self)

    def _result(self, status: Status | None) -> Any:
        assert self._received is not None
        source, tag, value = self._received
        if status is not None:
            status.source, status.tag = source, tag
        return value

    @staticmethod
    def waitall(requests: Iterable[Request]) -> list[Any]:
        """Wait until all are done. Returns their messages."""
        return [request.wait() for request in requests]


class Endpoint:
    """What a rank has of its messages, and those it waits for, both in the order in which they came.

    A message goes to the first request that it fits. Where only one is waited for, the transport is
    asked for that, and keeps all others. Where several are, messages are taken as they come, for no
    filter could tell which of two requests a message is for: those that fit none are kept here. So
    whatever is kept came before what the transport has of the same source.
    """

    __slots__ = ("_kept", "_posted", "transport")

    def __init__(self, transport: Transport) -> None:
        """Wait for nothing yet."""
        self.transport = transport
        self._posted: list[Request] = []
        self._kept: list[_Received] = []

    @property
    def rank(self) -> int:
        """Which rank it is, from 0."""
        return self.transport.rank

    @property
    def size(self) -> int:
        """How many there are."""
        return self.transport.size

    def send(self, destination: int, tag: int, value: Any) -> None:
        """Send to one rank."""
        self.transport.send(destination, tag, value)

    def send_each(self, destinations: Iterable[int], tag: int, value: Any) -> None:
        """Send the same to several ranks."""
        self.transport.send_each(destinations, tag, value)

    def take(self, source: int, tag: int) -> Any:
        """Wait for a message of a collective."""
        for place, received in enumerate(self._kept):
            if received[0] == source and received[1] == tag:
                return self._kept.pop(place)[2]
        return self.transport.receive(source, tag)[2]

    def post(self, source: int | None, tag: int | None) -> Request:
        """Begin to wait for a message."""
        request = Request(self, source, tag, None)
        for place, received in enumerate(self._kept):
            if request.takes(received):
                request.receive(self._kept.pop(place))
                return request
        self._posted.append(request)
        return request

    def withdraw(self, request: Request) -> None:
        """Forget a request that nobody has any more."""
        if request in self._posted:
            self._posted.remove(request)

    def wait(self, request: Request) -> None:
        """Wait until this one is done."""
        while not request.is_done:
            if request is self._posted[0]:
                received = self.transport.receive(request.source, request.tag)
            else:
                received = self.transport.receive(None, None)
            self._deliver(received)

    def progress(self) -> None:
        """Hand out what is there."""
        while self._posted:
            first = self._posted[0]
            if len(self._posted) == 1:
                received = self.transport.poll(first.source, first.tag)
            else:
                received = self.transport.poll(None, None)
            if received is None:
                return
            self._deliver(received)

    def _deliver(self, received: _Received) -> None:
        for place, request in enumerate(self._posted):
            if request.takes(received):
                del self._posted[place]
                request.receive(received)
                return
        self._kept.append(received)


def _tag(tag: int) -> int:
    tag = index(tag)
    if not 0 <= tag < COLLECTIVE_TAGS:
        raise ValueError(f"`tag` is {tag}, and tags are from 0 to {COLLECTIVE_TAGS - 1}")
    return tag


# Within the class, these names are its attributes.
_Request = Request
_Status = Status


class Team:
    """The ranks of the running task's team, by mpi4py's names. Outside an `spm.Team`, it has one rank."""

    __slots__ = ("_current",)

    __spm_member__: ClassVar = "spm.team"
    """What tasks call it."""
    ANY_SOURCE: Final = ANY_SOURCE
    ANY_TAG: Final = ANY_TAG
    SUM: Final = collectives.SUM
    PROD: Final = collectives.PROD
    MAX: Final = collectives.MAX
    MIN: Final = collectives.MIN
    LAND: Final = collectives.LAND
    LOR: Final = collectives.LOR
    BAND: Final = collectives.BAND
    BOR: Final = collectives.BOR
    Status: ClassVar = Status
    Request: ClassVar = Request
    Op: ClassVar = Op

    def __init__(self, current: Callable[[], Endpoint]) -> None:
        """Speak for the task that `current` finds running."""
        self._current = current

    @property
    def rank(self) -> int:
        """Which rank this task is, from 0."""
        return self._current().rank

    @property
    def size(self) -> int:
        """How many ranks there are."""
        return self._current().size

    def Get_rank(self) -> int:  # noqa: N802
        """Return `rank`."""
        return self.rank

    def Get_size(self) -> int:  # noqa: N802
        """Return `size`."""
        return self.size

    def _at(self, what: str, rank: int) -> tuple[Endpoint, int]:
        endpoint, rank = self._current(), index(rank)
        if not 0 <= rank < endpoint.size:
            raise ValueError(
                f"`{what}` is {rank}, and this team has ranks from 0 to {endpoint.size - 1}"
            )
        return endpoint, rank

    def _post(self, source: int, tag: int) -> _Request:
        wanted = None
        if source == ANY_SOURCE:
            endpoint = self._current()
        else:
            endpoint, wanted = self._at("source", source)
        return endpoint.post(wanted, None if tag == ANY_TAG else _tag(tag))

    def send(self, obj: Any, dest: int, tag: int = 0) -> None:
        """Send a copy of `obj` to rank `dest`; do not wait until it is received."""
        endpoint, dest = self._at("dest", dest)
        endpoint.send(dest, _tag(tag), obj)

    def recv(
        self, source: int = ANY_SOURCE, tag: int = ANY_TAG, status: _Status | None = None
    ) -> Any:
        """Wait for a message. Those of one source and tag come in the order they were sent."""
        request = self._post(source, tag)
        try:
            return request.wait(status)
        except BaseException:
            request.withdraw()
            raise

    def isend(self, obj: Any, dest: int, tag: int = 0) -> _Request:
        """Send as `send` does, which never waits for the receiver."""
        self.send(obj, dest, tag)
        return Request(self._current(), None, None, (self.rank, tag, None))

    def irecv(self, source: int = ANY_SOURCE, tag: int = ANY_TAG) -> _Request:
        """Begin to wait for a message; the request's `wait` or `test` return it."""
        return self._post(source, tag)

    def sendrecv(
        self,
        sendobj: Any,
        dest: int,
        sendtag: int = 0,
        source: int = ANY_SOURCE,
        recvtag: int = ANY_TAG,
        status: _Status | None = None,
    ) -> Any:
        """Send one message and receive another."""
        request = self._post(source, recvtag)
        self.send(sendobj, dest, sendtag)
        return request.wait(status)

    def bcast(self, obj: Any, root: int = 0) -> Any:
        """Return the root's `obj` on every rank."""
        endpoint, root = self._at("root", root)
        return collectives.bcast(endpoint, obj, root)

    def scatter(self, sendobj: Sequence[Any] | None, root: int = 0) -> Any:
        """Return this rank's item of the root's sequence."""
        endpoint, root = self._at("root", root)
        return collectives.scatter(endpoint, sendobj, root)

    def gather(self, sendobj: Any, root: int = 0) -> list[Any] | None:
        """Return the list of every rank's `sendobj` on the root, and None elsewhere."""
        endpoint, root = self._at("root", root)
        return collectives.gather(endpoint, sendobj, root)

    def allgather(self, sendobj: Any) -> list[Any]:
        """Return the list of every rank's `sendobj`."""
        return collectives.allgather(self._current(), sendobj)

    def alltoall(self, sendobj: Sequence[Any]) -> list[Any]:
        """Send each rank its item of `sendobj`. Returns what each has sent to this one."""
        return collectives.alltoall(self._current(), sendobj)

    def reduce(
        self, sendobj: Any, op: Callable[[Any, Any], Any] = collectives.SUM, root: int = 0
    ) -> Any:
        """Return every rank's `sendobj`, combined in the order of ranks, on the root, and None elsewhere."""
        endpoint, root = self._at("root", root)
        return collectives.reduce(endpoint, sendobj, op, root)

    def allreduce(self, sendobj: Any, op: Callable[[Any, Any], Any] = collectives.SUM) -> Any:
        """Return every rank's `sendobj`, combined in the order of ranks. Arrays are of one shape and type."""
        return collectives.allreduce(self._current(), sendobj, op)

    def scan(self, sendobj: Any, op: Callable[[Any, Any], Any] = collectives.SUM) -> Any:
        """Return the values of the ranks up to this one, combined."""
        return collectives.scan(self._current(), sendobj, op, is_inclusive=True)

    def exscan(self, sendobj: Any, op: Callable[[Any, Any], Any] = collectives.SUM) -> Any:
        """Return the values of the ranks before this one, combined; None on rank 0."""
        return collectives.scan(self._current(), sendobj, op, is_inclusive=False)

    def barrier(self) -> None:
        """Wait until every rank is here."""
        collectives.barrier(self._current())

    def __repr__(self) -> str:
        """Show what a debugger wants to see."""
        return f"<spm.team rank={self.rank} size={self.size}>"
