"""What tasks of fine-grain managers do: `spm.hub` and `spm.team`, in plain Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from ._ranks import Team
from ._task import current

if TYPE_CHECKING:
    from ._ranks import Endpoint


class Hub:
    """The submitter of a `Farm`, as its tasks see it."""

    __slots__ = ()

    __spm_member__: ClassVar = "spm.hub"
    """What tasks call it."""

    def ask(self, question: Any) -> Any:
        """Ask the hub, and wait for its answer: what the `on_message` of the `Farm` returns.

        A task that is run again asks again. Raises RuntimeError outside a `Farm`.
        """
        return current().channel.ask(question)

    def __repr__(self) -> str:
        return "<spm.hub>"


def _endpoint() -> Endpoint:
    return current().endpoint()


hub: Final = Hub()
team: Final = Team(_endpoint)
