"""The process around pools: its end, forks, its processors, and where `spm-host` is."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import sysconfig
import threading
import weakref
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ._errors import MeshError

if TYPE_CHECKING:
    from ._pool import Pool

_pools: weakref.WeakSet[Pool] = weakref.WeakSet()
_registered = False
_is_forked = False


def register(pool: Pool) -> None:
    """Shut `pool` down when Python ends, if nobody has by then."""
    check_process()
    global _registered
    if not _registered:
        _registered = True
        # Before threads are joined, as concurrent.futures does; a pool's own thread ends by it.
        early = getattr(threading, "_register_atexit", None)
        if early is None:
            atexit.register(_at_exit)
        else:
            with suppress(RuntimeError):  # Python is ending already
                early(_at_exit)
    _pools.add(pool)


def _at_exit() -> None:
    interrupted = isinstance(getattr(sys, "last_value", None), KeyboardInterrupt)
    for pool in list(_pools):
        pool._end(cancel=interrupted)


def is_forked() -> bool:
    """Whether this process was forked from one that had pools; their threads are not here."""
    return _is_forked


def _after_fork() -> None:
    global _is_forked
    _is_forked = _is_forked or _registered


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def check_process() -> None:
    """Refuse pools in a process that was forked from one that had some."""
    if _is_forked:
        raise RuntimeError(
            "SPM's pools do not survive a fork; use pools in one process only, or start the other "
            "with multiprocessing's 'spawn' or 'forkserver'"
        )


def cpu_count() -> int:
    """How many processors this process may use: by affinity, and by its control group."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:
        count = os.cpu_count() or 1
    quota = _cgroup_quota()
    return max(1, count if quota is None else min(count, quota))


def _cgroup_quota(root: str = "/sys/fs/cgroup", own: str = "/proc/self/cgroup") -> int | None:
    """Whole processors that the control group allows, or None if it sets no limit."""
    quotas = []
    with suppress(OSError, ValueError):
        for line in Path(own).read_text(encoding="ascii").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "":
                quotas += [_quota_v2(folder) for folder in _up_to_root(root, path)]
            elif "cpu" in controllers.split(","):
                for folder in _up_to_root(f"{root}/{controllers}", path):
                    quotas.append(_quota_v1(folder))
    found = [quota for quota in quotas if quota is not None]
    return min(found, default=None)


def _up_to_root(root: str, path: str) -> list[Path]:
    folder = Path(root) / path.lstrip("/")
    return [place for place in (folder, *folder.parents) if place.is_relative_to(root)]


def _quota_v2(folder: Path) -> int | None:
    with suppress(OSError, ValueError):
        quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        return None if quota == "max" else _rounded_up(int(quota), int(period))
    return None


def _quota_v1(folder: Path) -> int | None:
    with suppress(OSError, ValueError):
        quota = int((folder / "cpu.cfs_quota_us").read_text(encoding="ascii"))
        period = int((folder / "cpu.cfs_period_us").read_text(encoding="ascii"))
        return None if quota <= 0 else _rounded_up(quota, period)
    return None


def _rounded_up(quota: int, period: int) -> int:
    return max(1, -(-quota // period))


def memory_mib() -> int:
    """Memory of this machine, as far as it is known."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    except (ValueError, OSError):
        return 8192


def engines_folder() -> str:
    """Where the runtimes of engines are: in this package."""
    return str(Path(__file__).resolve().parent / "engines")


def host_program() -> str:
    """Where `spm-host` is: what `SPM_HOST` names, or the program that was installed with SPM."""
    named = os.environ.get("SPM_HOST")
    if named:
        return named
    folders = [sysconfig.get_path("scripts"), os.path.dirname(sys.executable)]
    with suppress(KeyError):
        folders.append(sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user")))
    # Next to the package, for `pip install --target`.
    folders.append(str(Path(__file__).resolve().parent.parent / "bin"))
    found = shutil.which("spm-host", path=os.pathsep.join(folders)) or shutil.which("spm-host")
    if found is None:
        raise MeshError(
            "the program spm-host is not installed; `pip install spm-mesh` does that, "
            "or let SPM_HOST name it"
        )
    return found
