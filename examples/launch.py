"""Launch a list of stand-alone programs across a pool, as the paper of 2011 did: each run has a hard
deadline, whatever goes wrong is reported for the run it went wrong in, and nothing is left behind.

    python launch.py                            runs a program of its own
    python launch.py PROGRAM.wasm RUNS.txt      each line of the file has one run's arguments
"""

import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import spm

DEADLINE_S = 2
RUNS = ["1 1000", "2 200000", "3 0", "4 3000000", "5 13", "6", "7 50000000"]


def build(folder: str) -> Path:
    source = Path(__file__).parent / "programs/walk.c"
    program = Path(folder) / "walk.wasm"
    command = [sys.executable, "-m", "ziglang", "cc", "-target", "wasm32-wasi", "-O2"]
    subprocess.run([*command, source, "-o", program], check=True)
    return program


def report(run: spm.Completed | Exception) -> bool:
    if isinstance(run, spm.TaskError):
        print(f"run {run.task.index}: {type(run).__name__}: {run}")
    elif run.returncode != 0:
        print(f"{shlex.join(run.args)}: status {run.returncode}: {run.stderr.decode().strip()}")
    else:
        files = ", ".join(f"{name} of {len(data)} bytes" for name, data in run.files.items())
        print(f"{shlex.join(run.args)}: {run.stdout.decode().strip()}; {files}")
        return True
    return False


def launch(path: Path, runs: list[list[str]]) -> int:
    program = spm.program(path)
    with spm.pool() as pool:
        launcher = spm.List(pool, program, on_error="collect", task_deadline_s=DEADLINE_S)
        succeeded = sum(map(report, launcher.stream(runs, ordered=False)))
        print(f"{succeeded} of {len(runs)} runs succeeded on {len(pool.hosts)} hosts")
    return succeeded


if __name__ == "__main__":
    try:
        if len(sys.argv) == 3:
            lines = Path(sys.argv[2]).read_text(encoding="utf-8").splitlines()
            launch(Path(sys.argv[1]), [shlex.split(line) for line in lines])
        else:
            with tempfile.TemporaryDirectory() as folder:
                launch(build(folder), [run.split() for run in RUNS])
    except KeyboardInterrupt:
        sys.exit("interrupted: every run was stopped")
