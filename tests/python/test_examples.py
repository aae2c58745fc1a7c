"""Every example runs, and says what it should."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import rust_guests

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

EXPECTED = {
    "acid_test.py": [
        "Dag                  24",
        "18, then 0, then 6 made; 85 calls",
        "Aggregate",
        "4 models, 4 unsatisfiable",
        "List, Team, Farm",
        "25,997 primes below 300,000",
        "8 walks; 1 overdue, 1 aborted",
        "all is right",
    ],
    "assemblyscript_guest.py": [
        "life(rows: list[str], generations: int) -> list[str], 1",
        "..#.....   #.#.....   ..#.....   ........",
        "after 32 generations it is back: True",
        "ValueError: row 1 has 1 cells, and row 0 has 2",
    ],
    "c_guest.py": [
        "closest(word: str, words: list[str]) -> dict[str, str | int], 2",
        " of 35 words are right again",
        "ValueError: no words to compare `none` with",
    ],
    "portfolio.py": [
        "4000 paths of 252 days, in the `scientific` engine",
        "value at risk: 15% in one year of 20, 22% in one of 100",
        "weights: [0.5  0.25 0.25]",
        "refused: (2,) weights, and 3 assets",
    ],
    "primes.py": [
        "9,592 primes below 100,000",
        "laptop, processes",
        "ZeroDivisionError",
        "return total // len(parts)",
    ],
    "rust_guest.py": [
        "stats(label: str, xs: list[float]) -> __main__.Stats, 6",
        "Stats(label='three', count=3, mean=3.0, median=2.0, deviation=2.6457513110645907)",
        "100 samples, means from",
        "ValueError: no numbers in `none`; a sample has one number at least",
    ],
    "seeds.py": ["has energy 26, so merit factor 7.69", "best possible: True"],
    "tours.py": ["8 cities: 3187, and by brute force 3187", "11 cities: 3103", "0 - 2 - 8 - 3 - 5"],
    "futures.py": ["27 takes 111 steps", "[261, 350]", "stopped: True"],
    "exceptions.py": [
        "swimmer EEESS: arrived at (3, 2)",
        "Stuck, Robot at 1,0: '~' is in the way; None",
        "Lost, Swimmer at 0,3: no island S of here; IndexError('list index out of range')",
        "Digger at 1,3: the battery is empty, 2 short",
        "no such robot: 'boat'",
    ],
    "failures.py": [
        "IndexError: list index out of range",
        "DeadlineExceeded",
        "FuelExhausted",
        "CompileError",
    ],
    "launch.py": [
        "walk.wasm 1 1000: -16 2; end.txt of 3 bytes",
        "walk.wasm 7 50000000: -7333 -1765",
        "run 2: DeadlineExceeded: `walk.wasm`: the task ran past its deadline",
        "run 4: SandboxViolation: `walk.wasm`: the guest aborted",
        "walk.wasm 6: status 2: usage: walk SEED STEPS",
        "4 of 7 runs succeeded",
    ],
    "lists.py": [
        "[2.0, 'ValueError', 3.0]",
        "1 failed; 3 tasks done",
        "[2.0, nan, 3.0]",
        "1000 of 1000",
    ],
}
ARGUMENTS = {"primes.py": ["100000"]}


def run(name: str, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *ARGUMENTS.get(name, []), *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, **rust_guests.environment(), **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_is_tested() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_example(name: str) -> None:
    found = run(name)
    for text in EXPECTED[name]:
        assert text in found


@pytest.mark.parametrize("kind", ["laptop:2", "laptop"])
@pytest.mark.parametrize(
    "name", ["exceptions.py", "futures.py", "launch.py", "lists.py", "seeds.py", "tours.py"]
)
def test_example_on_other_pools(name: str, kind: str) -> None:
    found = run(name, SPM_POOL=kind)
    for text in EXPECTED[name]:
        assert text in found


@pytest.mark.parametrize("kind", ["serial", "processes"])
def test_the_acid_test_elsewhere(kind: str) -> None:
    found = run("acid_test.py", "--pool", kind)
    for text in EXPECTED["acid_test.py"]:
        assert text in found
    assert max(map(len, found.splitlines())) <= 80


def test_example_in_plain_python() -> None:
    assert run("exceptions.py", "--plain") == run("exceptions.py")


def test_ctrl_c_leaves_nothing_of_a_launch(tmp_path: Path) -> None:
    source = tmp_path / "forever.c"
    source.write_text("int main(void) { for (volatile int x = 0;; x++); }")
    program, runs = tmp_path / "forever.wasm", tmp_path / "runs.txt"
    build = [sys.executable, "-m", "ziglang", "cc", "-target", "wasm32-wasi", source, "-o", program]
    subprocess.run(build, check=True, timeout=240)
    runs.write_text("1\n" * 1000)
    launch = [sys.executable, "-c", CTRL_C, EXAMPLES / "launch.py", program, runs]
    done = subprocess.run(launch, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.splitlines()[:1] == ["threads left: 0"]
    assert done.stderr.strip().endswith("interrupted: every run was stopped")


CTRL_C = """
import _thread, runpy, sys, threading
del sys.argv[0]
timer = threading.Timer(1.0, _thread.interrupt_main)
timer.start()
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    timer.join()
    print("threads left:", threading.active_count() - 1)
"""
