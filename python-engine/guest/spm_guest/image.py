"""Makes the image that every instance begins from: all that need not be done again is done here."""

import gc
import os
import sys
from typing import Any

from . import loop, spm_module, stdlib, streams
from .entry import Failed, Instance
from .task import HOST

__all__ = ["Failed", "prepare"]


def prepare(log: Any, task: Any) -> Instance:
    """Import everything, take over what the host does, and leave nothing of the build behind."""
    stdlib.import_all()
    HOST.index, HOST.attempt, HOST.seed, HOST.sleep = (
        task.index,
        task.attempt,
        task.seed,
        task.sleep,
    )
    HOST.print = log.print
    streams.install()
    loop.install()
    spm_module.install()
    os.environ.clear()
    sys.argv = [""]
    gc.collect()
    gc.freeze()
    return Instance()
