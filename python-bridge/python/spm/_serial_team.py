"""A `Team` on one processor: each rank on a thread of its own, one of them running at a time.

A baton goes round. Whoever has it runs until it waits for a message, looks for one in vain, or ends;
then the next rank in order gets it that can go on. When nobody can, the ranks are in a deadlock.
"""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, TypeAlias

from ._channel import Channel
from ._channels import Halt
from ._collectives import COLLECTIVE_TAGS
from ._errors import Deadlock
from ._ranks import ANY_SOURCE, ANY_TAG

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._channel import Message
    from ._execute import Ran

Rank: TypeAlias = "Callable[[int, Channel], Ran]"
"""Runs a rank to its end."""

TEAM_NUMBER = 3
"""What `wit/closure.wit` calls the manager."""


class Seat(Channel):
    """One rank's end."""

    manager = TEAM_NUMBER

    def __init__(self, team: SerialTeam, rank: int) -> None:
        super().__init__()
        self._team = team
        self.rank = rank
        self.size = team.size

    def send(self, destination: int, tag: int, value: Any) -> None:
        """Send a message."""
        self._team.send(self.rank, destination, tag, value)

    def receive(self, source: int, tag: int) -> Message:
        """Let others run until there is a message."""
        return self._team.receive(self.rank, source, tag)

    def poll(self, source: int, tag: int) -> Message | None:
        """Take a message if there is one, or if others make one when they may run."""
        return self._team.poll(self.rank, source, tag)


class SerialTeam:
    """The ranks of one launch."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.deadlock: str | None = None
        """Who waits for whom, if that ended the team."""
        self._baton = threading.Condition()
        self._holder = 0
        self._boxes: list[deque[Message]] = [deque() for _ in range(size)]
        self._waits: list[tuple[int, int] | None] = [None] * size
        self._live = [True] * size
        self._is_over = False
        self._results: list[Ran | None] = [None] * size
        self._broken: BaseException | None = None

    def run(self, rank: Rank) -> list[Ran | None]:
        """Run all ranks, rank 0 on this thread. None stands for those that were stopped.

        An exception that is no task's, such as KeyboardInterrupt, stops all and is raised.
        """
        threads = []
        for number in range(1, self.size):
            context = contextvars.copy_context()
            thread = threading.Thread(
                target=context.run, args=(self._run_one, number, rank), daemon=True
            )
            thread.name = f"spm rank {number}"
            thread.start()
            threads.append(thread)
        try:
            self._run_one(0, rank)
            for thread in threads:
                thread.join()
        except BaseException:
            self.stop()
            for thread in threads:
                thread.join()
            raise
        if self._broken is not None:
            raise self._broken
        return self._results

    def stop(self) -> None:
        """Stop all ranks where they next send or receive."""
        with self._baton:
            self._is_over = True
            self._baton.notify_all()

    def _run_one(self, number: int, rank: Rank) -> None:
        try:
            with self._baton:
                self._await_turn(number)
                self._check()
            ran = rank(number, Seat(self, number))
            with self._baton:
                # What a rank makes of being stopped is no result.
                if not (self._is_over and ran.failed is not None):
                    self._results[number] = ran
                if ran.failed is not None:
                    self._is_over = True
        except Halt:
            pass
        except BaseException as error:
            with self._baton:
                self._is_over = True
                self._broken = error
            if number == 0:
                raise
        finally:
            with self._baton:
                self._live[number] = False
                self._pass_on(number)

    # What ranks do; each has the baton.

    def send(self, source: int, destination: int, tag: int, value: Any) -> None:
        """Put a message into a rank's box."""
        with self._baton:
            self._check()
            self._boxes[destination].append((source, tag, value))

    def receive(self, number: int, source: int, tag: int) -> Message:
        """Take a message out of a rank's box, when there is one."""
        with self._baton:
            while True:
                self._check()
                message = self._taken(number, source, tag)
                if message is not None:
                    return message
                self._waits[number] = source, tag
                self._pass_on(number)
                self._await_turn(number)
                self._waits[number] = None

    def poll(self, number: int, source: int, tag: int) -> Message | None:
        """Take a message, and if there is none let others run before looking again."""
        with self._baton:
            self._check()
            message = self._taken(number, source, tag)
            if message is None:
                self._pass_on(number)
                self._await_turn(number)
                self._check()
                message = self._taken(number, source, tag)
            return message

    # The baton.

    def _check(self) -> None:
        if self._is_over:
            raise Halt

    def _await_turn(self, number: int) -> None:
        while self._holder != number and not self._is_over:
            self._baton.wait()

    def _pass_on(self, number: int) -> None:
        """Give the baton to the next rank that can go on."""
        others = [(number + step) % self.size for step in range(1, self.size + 1)]
        able = [other for other in others if self._live[other] and self._is_able(other)]
        if able:
            self._holder = able[0]
        elif any(self._live) and not self._is_over:
            self.deadlock = self._who_waits()
            self._is_over = True
        self._baton.notify_all()

    def _is_able(self, number: int) -> bool:
        wanted = self._waits[number]
        return wanted is None or any(_matches(message, *wanted) for message in self._boxes[number])

    def _taken(self, number: int, source: int, tag: int) -> Message | None:
        box = self._boxes[number]
        for place, message in enumerate(box):
            if _matches(message, source, tag):
                del box[place]
                return message
        return None

    def _who_waits(self) -> str:
        waits = [
            f"rank {number} waits for {_described(*wanted)}"
            for number, wanted in enumerate(self._waits)
            if wanted is not None and self._live[number]
        ]
        ended = [str(number) for number, is_live in enumerate(self._live) if not is_live]
        if ended:
            waits.append(f"{'ranks' if len(ended) > 1 else 'rank'} {', '.join(ended)} returned")
        return "; ".join(waits)


def deadlock(text: str) -> Deadlock:
    """Make the exception of one rank."""
    return Deadlock(f"the ranks of the team wait for each other: {text}")


def _matches(message: Message, source: int, tag: int) -> bool:
    return source in (ANY_SOURCE, message[0]) and tag in (ANY_TAG, message[1])


def _described(source: int, tag: int) -> str:
    sender = "any rank" if source == ANY_SOURCE else f"rank {source}"
    if tag == ANY_TAG:
        return f"{sender}, any tag"
    return (
        f"{sender}, in a collective operation" if tag >= COLLECTIVE_TAGS else f"{sender}, tag {tag}"
    )
