"""A Python script as a program: what `spm run python` runs, in the `python` engine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._closure import Closure
from ._program import SHOWN, Completed
from ._settings import Options

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._pool import Pool


def run_script(
    argv: list[str],
    *,
    env: dict[str, str],
    stdin: bytes,
    shown: Iterable[str],
    memory_mib: int,
    deadline_s: float | None,
    pool: Pool,
) -> Completed:
    """Run the script that `argv` begins with. `shown` are the outputs that are shown as they come."""
    closure = Closure(_guest(), Options(engine="python", memory_mib=memory_mib))
    source = Path(argv[0]).read_text(encoding="utf-8")
    if deadline_s is not None:
        pool = pool.options(task_deadline_s=deadline_s)
    shows = sum(SHOWN[name] for name in shown)
    future = pool.submit(closure, source, argv, env, stdin, shows)
    try:
        status, stdout, stderr = future.result()
    except BaseException:
        future.cancel()
        raise
    return Completed(argv, status, stdout, stderr, task=future.task)


def _guest() -> Any:
    """Make the function that runs scripts. It is of no module of SPM's, which the guest has not."""
    path = Path(__file__).with_name("_script_guest.py")
    names: dict[str, Any] = {"__name__": "__main__", "__file__": str(path)}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), names)  # noqa: S102 - a file of ours
    return names["run_script"]
