"""The component: `wit/closure.wit` in terms of `spm_guest`. componentize-py imports this module."""

import spm_memory  # type: ignore[import-not-found]  # noqa: F401, I001  # before all else allocates
import componentize_py_types
import wit_world
from wit_world.imports import hub, log, task, team, tree

from spm_guest import image

instance = image.prepare(log, task, hub, tree, team)


class WitWorld(wit_world.WitWorld):
    """What a host calls."""

    def define(self, payload: bytes) -> None:
        """Give the instance its closure."""
        try:
            instance.define(payload)
        except image.Failed as failed:
            raise componentize_py_types.Err(failed.args[0]) from None

    def call(self, arguments: bytes) -> bytes:
        """Run one task."""
        try:
            return instance.call(arguments)
        except image.Failed as failed:
            raise componentize_py_types.Err(failed.args[0]) from None
