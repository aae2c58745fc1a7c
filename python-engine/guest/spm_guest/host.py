"""What the host tells the running task, and does for it."""

from collections.abc import Callable
from typing import Any, Final


class Host:
    """The host's functions: those of the world, by their names there."""

    __slots__ = (
        "ask",
        "attempt",
        "bound",
        "improve",
        "index",
        "manager",
        "poll",
        "print",
        "rank",
        "receive",
        "seed",
        "send",
        "size",
        "sleep",
        "spawn",
    )

    print: Callable[[bytes], None]
    index: Callable[[], int]
    attempt: Callable[[], int]
    seed: Callable[[], int]
    sleep: Callable[[int], None]
    manager: Callable[[], int]
    ask: Callable[[bytes], bytes]
    spawn: Callable[[bytes, float], None]
    bound: Callable[[], float]
    improve: Callable[[float], None]
    rank: Callable[[], int]
    size: Callable[[], int]
    send: Callable[[int, int, bytes], None]
    receive: Callable[[int, int], tuple[int, int, bytes]]
    poll: Callable[[int, int], tuple[int, int, bytes] | None]

    def connect(self, *interfaces: Any) -> None:
        """Take over the functions of the interfaces: each is in one of them."""
        for interface in interfaces:
            for name in self.__slots__:
                function = getattr(interface, name, None)
                if function is not None:
                    setattr(self, name, function)


HOST: Final = Host()
