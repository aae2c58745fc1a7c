"""`spm.hub` as tasks see it."""

from typing import Any, Final

from . import codec, manager, streams
from .host import HOST


class Hub:
    """The submitter of a task of an `spm.Farm`."""

    __slots__ = ()

    def ask(self, question: Any) -> Any:
        """Send the hub a value, and wait for its answer."""
        if not manager.is_of(manager.FARM):
            raise RuntimeError("only tasks of an spm.Farm may ask the hub")
        table = manager.RUNNING.table
        streams.flush()
        return codec.decode(HOST.ask(codec.encode(question, table, "the question")), table)

    def __repr__(self) -> str:
        """Show what a debugger wants to see."""
        return "<spm.hub>"


HUB: Final = Hub()
