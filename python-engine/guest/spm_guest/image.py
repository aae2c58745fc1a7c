"""Makes the image that every instance begins from: all that need not be done again is done here."""

import gc
import importlib
import os
import sys
from typing import Any, Final

from . import entry, loop, spm_module, stdlib, streams, warm
from .entry import Failed, Instance
from .host import HOST

__all__ = ["Failed", "prepare"]

_SCIENTIFIC: Final = ("numpy", "numpy.random", "numpy.linalg", "numpy.fft")
"""What the `scientific` engine's image has imported. The rest it finds, and imports when asked."""
# What is taken of memory ahead. For a task's small objects that is 32 MiB: mimalloc never takes less at a time.
BLOCK_BYTES = 8 << 10
BLOCKS = 512
# For its large blocks.
LARGE_BYTES = 4 << 20


def _seed_numpy(seed: int) -> None:
    """Seed the generator behind `numpy.random`'s functions, which takes words of 32 bits."""
    sys.modules["numpy"].random.seed([seed & 0xFFFF_FFFF, seed >> 32])


def prepare(*interfaces: Any, is_scientific: bool = False) -> Instance:
    """Import everything, take over what the host does, and leave nothing of the build behind."""
    if is_scientific:
        for name in _SCIENTIFIC:
            importlib.import_module(name)
        warm.numpy_up()
        entry.SEEDED.append(_seed_numpy)
    else:
        stdlib.import_all()
    streams.install()
    loop.install()
    spm_module.install()
    warm.up(Instance)
    HOST.connect(*interfaces)
    # What the build's machine looked like: folders, arguments, environment.
    if not is_scientific:
        sys.path[:] = []
        sys.path_importer_cache.clear()
    sys.meta_path.append(stdlib.EXPLAINER)
    sys.argv = [""]
    os.environ.clear()
    sys.setrecursionlimit(entry.CODEC_FRAMES)
    gc.collect()
    # What is there now is there for ever: collections in tasks need not look at it, and so do not
    # touch its pages, which instances share until one writes to them.
    gc.freeze()
    if not is_scientific:
        _reserve()
    return Instance()


def _reserve() -> None:
    """Take memory for most tasks: an instance whose memory grows cannot be put back after its task.

    Nothing is written to it, so it takes none of the machine's.
    """
    held = [bytes(BLOCK_BYTES) for _ in range(BLOCKS)]
    held.append(bytes(LARGE_BYTES))
    held.clear()
