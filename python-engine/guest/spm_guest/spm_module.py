"""The module `spm` as tasks see it."""

import sys
from types import ModuleType
from typing import Any, NoReturn

from ._ranks import ANY_SOURCE, ANY_TAG
from .hub import HUB
from .task import TASK
from .team import TEAM


def wasm_closure(function: Any = None, /, **options: Any) -> Any:
    """Return the function itself: inside a task a closure is what it was made of."""
    del options
    return (lambda function: function) if function is None else function


class _Spm(ModuleType):
    """Inside a task there are `spm.task`, `spm.hub`, `spm.team` and `spm.wasm_closure`."""

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(f"module 'spm' has no attribute {name!r}")
        raise AttributeError(
            f"`spm.{name}` belongs to the submitter's side: inside a task there are "
            "`spm.task`, `spm.hub`, `spm.team` and `spm.wasm_closure`"
        )


def install() -> None:
    """Make `import spm` find this module."""
    module = _Spm("spm", _Spm.__doc__)
    module.__dict__.update(
        task=TASK,
        hub=HUB,
        team=TEAM,
        ANY_SOURCE=ANY_SOURCE,
        ANY_TAG=ANY_TAG,
        wasm_closure=wasm_closure,
    )
    sys.modules["spm"] = module
