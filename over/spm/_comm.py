"""What tasks of fine-grain managers do: `spm.hub` and `spm.team`, in plain Python."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from . import _collectives
from ._messages import ANY_SOURCE, ANY_TAG, TAGS
from ._task import current

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._messages import Mail, Message, Receive

    Operation = Callable[[Any, Any], Any]

R = TypeVar("R")


class Hub:
    """The submitter of a `Farm`, as its tasks see it."""

    __slots__ = ()

    def ask(self, question: Any) -> Any:
        """Ask the hub, and wait for its answer: what the `on_message` of the `Farm` returns.

        A task that is run again asks again. Raises RuntimeError outside a `Farm`.
        """
        return current().channel.ask(question)

    def __repr__(self) -> str:
        return "<spm.hub>"


class Request(Generic[R]):
    """A send or a receive that was begun."""

    __slots__ = ("_mail", "_receive")

    def __init__(self, mail: Mail | None = None, receive: Receive | None = None) -> None:
        self._mail = mail
        self._receive = receive

    def wait(self) -> Any:
        """Wait for its end; returns what was received."""
        if self._mail is None or self._receive is None:
            return None
        return self._mail.wait(self._receive)[2]

    def test(self) -> tuple[bool, Any]:
        """Whether it has ended by now, and if so what was received."""
        if self._mail is None or self._receive is None:
            return True, None
        if not self._mail.test(self._receive):
            return False, None
        return True, self.wait()


class Communicator:
    """The ranks of a `Team`, with the names of mpi4py. Outside a `Team`: one rank, 0.

    Messages are values; `send` does not wait for who receives. Those with the same source,
    destination and tag arrive in order. Tags are from 0 to 2**30 - 1.
    """

    __slots__ = ()

    ANY_SOURCE: Final = ANY_SOURCE
    ANY_TAG: Final = ANY_TAG

    @property
    def rank(self) -> int:
        """Which rank this task is, from 0."""
        return current().channel.rank

    @property
    def size(self) -> int:
        """How many ranks there are."""
        return current().channel.size

    def Get_rank(self) -> int:  # noqa: N802 - mpi4py's name
        """Which rank this task is, from 0."""
        return self.rank

    def Get_size(self) -> int:  # noqa: N802 - mpi4py's name
        """How many ranks there are."""
        return self.size

    def send(self, obj: Any, dest: int, tag: int = 0) -> None:
        """Send a value to a rank."""
        mail = current().mail()
        mail.transport.send(
            _rank("dest", dest, mail.transport.size), _checked("tag", tag, TAGS), obj
        )

    def recv(self, *, source: int = ANY_SOURCE, tag: int = ANY_TAG) -> Any:
        """Wait for a message, and return its value."""
        return self.irecv(source=source, tag=tag).wait()

    def isend(self, obj: Any, dest: int, tag: int = 0) -> Request[None]:
        """Send a value to a rank; it has left when this returns."""
        self.send(obj, dest, tag)
        return Request()

    def irecv(self, *, source: int = ANY_SOURCE, tag: int = ANY_TAG) -> Request[Any]:
        """Ask for a message, which `wait` of what this returns waits for."""
        mail = current().mail()
        if source != ANY_SOURCE:
            _rank("source", source, mail.transport.size)
        if tag != ANY_TAG:
            _checked("tag", tag, TAGS)
        return Request(mail, mail.post(source, tag))

    def sendrecv(
        self,
        sendobj: Any,
        dest: int,
        sendtag: int = 0,
        *,
        source: int = ANY_SOURCE,
        recvtag: int = ANY_TAG,
    ) -> Any:
        """Send a value, and wait for one."""
        self.send(sendobj, dest, sendtag)
        return self.recv(source=source, tag=recvtag)

    def bcast(self, obj: Any, root: int = 0) -> Any:
        """Give the root's value to all ranks."""
        mail = current().mail()
        return _collectives.bcast(mail, obj, _root(mail, root))

    def scatter(self, sendobj: Sequence[Any] | None, root: int = 0) -> Any:
        """Give each rank its item of the root's list."""
        mail = current().mail()
        return _collectives.scatter(mail, sendobj, _root(mail, root))

    def gather(self, sendobj: Any, root: int = 0) -> list[Any] | None:
        """Make a list of all ranks' values at the root; others get None."""
        mail = current().mail()
        return _collectives.gather(mail, sendobj, _root(mail, root))

    def allgather(self, sendobj: Any) -> list[Any]:
        """Make a list of all ranks' values everywhere."""
        return _collectives.allgather(current().mail(), sendobj)

    def alltoall(self, sendobj: Sequence[Any]) -> list[Any]:
        """Give each rank one item of each rank's list."""
        return _collectives.alltoall(current().mail(), sendobj)

    def reduce(self, sendobj: Any, op: Operation | None = None, root: int = 0) -> Any:
        """Combine all ranks' values in the order of ranks; the root gets the result."""
        mail = current().mail()
        return _collectives.reduce(mail, sendobj, op or operator.add, _root(mail, root))

    def allreduce(self, sendobj: Any, op: Operation | None = None) -> Any:
        """Combine all ranks' values in the order of ranks; all get the result."""
        return _collectives.allreduce(current().mail(), sendobj, op or operator.add)

    def scan(self, sendobj: Any, op: Operation | None = None) -> Any:
        """Combine the values of the ranks up to this one."""
        return _collectives.scan(current().mail(), sendobj, op or operator.add)

    def exscan(self, sendobj: Any, op: Operation | None = None) -> Any:
        """Combine the values of the ranks below this one; rank 0 gets None."""
        return _collectives.exscan(current().mail(), sendobj, op or operator.add)

    def barrier(self) -> None:
        """Wait until all ranks are here."""
        _collectives.barrier(current().mail())

    @staticmethod
    def SUM(one: Any, other: Any) -> Any:  # noqa: N802 - mpi4py's name
        """Add."""
        return one + other

    @staticmethod
    def PROD(one: Any, other: Any) -> Any:  # noqa: N802 - mpi4py's name
        """Multiply."""
        return one * other

    @staticmethod
    def MAX(one: Any, other: Any) -> Any:  # noqa: N802 - mpi4py's name
        """Take the greater."""
        return max(one, other)

    @staticmethod
    def MIN(one: Any, other: Any) -> Any:  # noqa: N802 - mpi4py's name
        """Take the lesser."""
        return min(one, other)

    @staticmethod
    def LAND(one: Any, other: Any) -> bool:  # noqa: N802 - mpi4py's name
        """Whether both are true."""
        return bool(one) and bool(other)

    @staticmethod
    def LOR(one: Any, other: Any) -> bool:  # noqa: N802 - mpi4py's name
        """Whether one is true."""
        return bool(one) or bool(other)

    @staticmethod
    def BAND(one: Any, other: Any) -> Any:  # noqa: N802 - mpi4py's name
        """Take the bits that both have."""
        return one & other

    @staticmethod
    def BOR(one: Any, other: Any) -> Any:  # noqa: N802 - mpi4py's name
        """Take the bits that one has."""
        return one | other

    def __repr__(self) -> str:
        return f"<spm.team rank={self.rank} size={self.size}>"


def _root(mail: Mail, root: int) -> int:
    return _rank("root", root, mail.transport.size)


def _rank(name: str, value: int, size: int) -> int:
    return _checked(name, value, size)


def _checked(name: str, value: int, end: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, not {value!r}")
    if not 0 <= value < end:
        raise ValueError(f"{name} must be from 0 to {end - 1}, not {value}")
    return value


hub: Final = Hub()
team: Final = Communicator()
