"""The `python` engine's component: what is in it, and that its build makes the same bytes."""

import hashlib
import itertools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import spm

sys.path.insert(0, str(Path(__file__).parent))

from guest_component import COMPONENT, Engine, Failed, Trapped
from guest_payloads import ROOT, named, simple
from spm_guest import stdlib


@pytest.fixture(scope="module")
def component() -> Engine:
    return Engine()


def test_every_module_of_the_standard_library_is_offered_or_explained(component: Engine) -> None:
    text = """
    def f(absent):
        import sys
        missing, present = [], []
        for name in sorted(sys.stdlib_module_names):
            if name in absent:
                try:
                    __import__(name)
                except ModuleNotFoundError as error:
                    if 'inside the sandbox' in str(error):
                        missing.append(name)
            elif name in sys.modules:
                present.append(name)
        return missing, present, sorted(sys.stdlib_module_names)
    """
    missing, present, names = component.instance(simple(text)).call(set(stdlib.ABSENT))
    assert set(missing) == set(names) & stdlib.ABSENT.keys()
    others = {"_ios_support", "_android_support", "_apple_support"}
    assert set(present) >= set(names) - stdlib.ABSENT.keys() - others
    # And those of the Python that submits: each is a name of one kind or the other.
    assert sys.stdlib_module_names - set(names) - stdlib.ABSENT.keys() == set()


def test_submodules_are_there_too(component: Engine) -> None:
    text = """
    def f(names):
        import sys
        return [name for name in names if name not in sys.modules]
    """
    wanted = (
        "collections.abc concurrent.futures.thread email.mime.text encodings.cp1252 html.parser "
        "importlib.metadata importlib.resources json.tool logging.handlers os.path unittest.mock "
        "urllib.parse xml.dom.minidom xml.etree.ElementTree xml.sax.saxutils zoneinfo"
    ).split()
    assert component.instance(simple(text)).call(wanted) == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("ssl", "no network"),
        ("tkinter", "no display"),
        ("ctypes", "addresses"),
        ("not_of_the_library", 'include=["not_of_the_library"]'),
    ],
)
def test_an_import_error_says_why(component: Engine, name: str, why: str) -> None:
    with pytest.raises(Failed) as caught:
        component.instance(simple(f"def f():\n    import {name}")).call()
    record = named(caught.value.record)
    assert record["class"] == "ModuleNotFoundError"
    assert why in record[1][0]
    assert record[2] == {"name": name}


def test_output_goes_to_the_submitter_in_lines_and_at_the_end(component: Engine) -> None:
    text = """
    def f():
        import logging, sys
        print('one')
        print('two', end='')
        logging.warning('careful')
        sys.stderr.write('half')
    """
    component.instance(simple(text)).call()
    assert component.printed[0] == b"one\n"
    assert b"".join(component.printed) in {
        b"one\nWARNING:root:careful\nhalftwo",
        b"one\nWARNING:root:careful\ntwohalf",
    }


def test_the_spm_module_has_the_tasks_side(component: Engine) -> None:
    text = """
    def f():
        import spm
        @spm.wasm_closure(engine='python')
        def g(x):
            return x
        try:
            spm.laptop
        except AttributeError as error:
            return spm.task.index, spm.task.attempt, spm.task.seed, g(1), str(error)
    """
    *numbers, told = component.instance(simple(text)).call()
    assert numbers == [3, 1, 42, 1]
    assert "submitter's side" in told


def test_an_instance_can_be_called_again(component: Engine) -> None:
    made = component.instance(
        simple("def f(x):\n    f.seen = getattr(f, 'seen', 0) + x\n    return f.seen")
    )
    assert [made.call(1), made.call(2), made.call(3)] == [1, 3, 6]


def test_garbage_in_cycles_is_collected(component: Engine) -> None:
    text = """
    def f():
        for _ in range(300):
            x = [bytearray(1 << 20)]
            x.append(x)
        return 'done'
    """
    assert component.instance(simple(text)).call() == "done"


def test_instances_do_not_share_what_tasks_change(component: Engine) -> None:
    text = "def f():\n    import json\n    seen = hasattr(json, 'mark')\n    json.mark = 1\n    return seen"
    assert [component.instance(simple(text)).call() for _ in range(2)] == [False, False]


def test_c_code_that_recurses_without_end_ends_the_instance(component: Engine) -> None:
    # The host reports an exhausted stack as RecursionError; the runtime here just traps.
    text = """
    def f():
        x = []
        for _ in range(100_000):
            x = [x]
        return repr(x)
    """
    made = component.instance(simple(text))
    with pytest.raises((Trapped, Failed)) as caught:
        made.call()
    if isinstance(caught.value, Trapped):
        assert "call stack exhausted" in str(caught.value)
    else:
        assert named(caught.value.record)["class"] == "RecursionError"


def test_large_blocks_are_given_back_and_keep_what_they_hold(component: Engine) -> None:
    text = """
    def f():
        for _ in range(60):
            block = bytearray(48 << 20)
            block[-1] = 1
        del block
        grown, sums = bytearray(), []
        for step in range(9):
            grown.extend(bytes([step + 1]) * (100_000 << step // 2))
            sums.append(sum(grown[:: 1 << 10]))
        shrunk = bytearray(b"ab" * 400_000)
        del shrunk[5:]
        many = list(range(300_000))
        del many[100:]
        cleared = [bytes(size) for size in (10, 262_143, 262_144, 262_145, 1 << 22)]
        return len(grown), sums, bytes(shrunk), many[-1], not any(map(any, cleared))
    """
    step_bytes = [(step + 1, 100_000 << step // 2) for step in range(9)]
    expected, grown = [], b""
    for step, count in step_bytes:
        grown += bytes([step]) * count
        expected.append(sum(grown[:: 1 << 10]))
    result = component.instance(simple(text)).call()
    assert list(result) == [len(grown), expected, b"ababa", 99, True]


# Elsewhere nothing is kept of earlier builds, so that the code is optimized again.
@pytest.mark.timeout(1800)
def test_two_builds_in_different_folders_are_equal(tmp_path: Path) -> None:
    digests = [hashlib.sha256(COMPONENT.read_bytes()).hexdigest()]
    for folder in (ROOT, tmp_path / "elsewhere"):
        if folder != ROOT:
            for part in ("python-engine", "wit"):
                shutil.copytree(ROOT / part, folder / part)
        made = tmp_path / "made.wasm"
        command = [sys.executable, str(folder / "python-engine/build.py"), str(made)]
        # Cargo has no workspace elsewhere; the first build has made the program.
        fuse = {} if folder == ROOT else {"SPM_FUSE": str(ROOT / "target/release/spm-fuse")}
        environment = {**os.environ, **fuse}
        run = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=1500, check=True
        )
        assert run.stdout == ""
        assert run.stderr == ""
        digests.append(hashlib.sha256(made.read_bytes()).hexdigest())
    assert len(set(digests)) == 1
    licences = made.with_suffix(".licences.txt").read_text()
    assert "PYTHON SOFTWARE FOUNDATION LICENSE" in licences
    assert "LLVM Exceptions to the Apache 2.0 License" in licences


def backtracks() -> bool:
    return re.match("(a+)+b", "a" * 60) is None


def multiplies() -> int:
    return (3 ** (10**8)).bit_length()


def counts() -> int:
    return sum(itertools.repeat(1))


@pytest.mark.parametrize("processes", [False, True])
@pytest.mark.parametrize("endless", [backtracks, multiplies, counts])
def test_a_deadline_ends_a_loop_that_never_comes_back_to_python(
    endless: Callable[[], int], processes: bool
) -> None:
    with spm.laptop(1, processes=processes) as pool:
        hasty = pool.options(task_deadline_s=0.3)
        with pytest.raises(spm.DeadlineExceeded):
            hasty.submit(spm.wasm_closure(engine="python")(endless)).result(timeout=60)
        assert pool.submit(spm.wasm_closure(engine="python")(fits)).result(timeout=60) == 1


def fits(count: int = 1) -> int:
    return len([0] * count)


def test_a_block_beyond_the_limit_is_refused_and_the_next_task_goes_on() -> None:
    with spm.laptop(1) as pool:
        closure = spm.wasm_closure(engine="python")(fits)
        with pytest.raises(MemoryError):
            pool.submit(closure, 10**9).result(timeout=60)
        assert pool.submit(closure, 10).result(timeout=60) == 10
