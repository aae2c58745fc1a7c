"""The exceptions that users see, and the tracebacks that come with them."""

import concurrent.futures
import copy
import json
import logging
import pickle
import re
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest

import spm
from spm import _outcome, _spm
from spm._errors import NEVER_RAISED, restore, task_class
from spm._task import Frame
from spm._traceback import hide, task_traceback


class AppError(ValueError):
    """An exception of the user's, whose `__init__` must not be run."""

    def __init__(self, code: int, why: str) -> None:
        raise AssertionError("run on the submitter")


TREE = """
SpmError(Exception)
ClosureError(SpmError)
CompileError(ClosureError)
ClosureRefused(ClosureError)
SequenceError(SpmError, RuntimeError)
TaskError(SpmError)
FuelExhausted(TaskError)
DeadlineExceeded(TaskError, TimeoutError)
SandboxViolation(TaskError)
HostFault(TaskError)
HostLost(TaskError, MeshError)
RemoteException(TaskError)
TaskFailures(SpmError, ExceptionGroup)
MeshError(SpmError, ConnectionError)
NoHosts(MeshError, BrokenExecutor)
NotAuthorized(MeshError)
InternalError(SpmError)
"""


def test_the_tree_is_the_agreed_one() -> None:
    names = [line.split("(")[0] for line in TREE.split("\n") if line]
    drawn = [
        f"{name}({', '.join(base.__name__ for base in getattr(spm, name).__bases__)})"
        for name in names
    ]
    assert "\n".join(drawn) == TREE.strip()
    assert issubclass(spm.NoHosts, concurrent.futures.BrokenExecutor)
    assert issubclass(spm.DeadlineExceeded, concurrent.futures.TimeoutError)


ORIGINALS: list[tuple[type[Exception], tuple[Any, ...]]] = [
    (ValueError, ("x",)),
    (KeyError, ("k",)),
    (OSError, (2, "no such file", "f")),
    (FileNotFoundError, (2, "no such file", "f")),
    (UnicodeDecodeError, ("utf8", b"x", 0, 1, "why")),
    (SyntaxError, ("m", ("f", 1, 2, "t"))),
    (ZeroDivisionError, ()),
    (MemoryError, ("x",)),
    (AppError, (1, "why")),
]


@pytest.mark.parametrize(
    ("original", "args"), ORIGINALS, ids=lambda it: getattr(it, "__name__", "")
)
def test_a_task_error_is_also_what_was_raised(
    original: type[Exception], args: tuple[Any, ...]
) -> None:
    error = restore(original, args)
    assert isinstance(error, original)
    assert isinstance(error, spm.TaskError)
    assert type(error) is task_class(original)
    assert type(error).__name__ == original.__name__
    assert type(error).__module__ == original.__module__
    assert error.args == args
    if original is not AppError:
        assert str(error) == str(original(*args))


@pytest.mark.parametrize(
    ("original", "args"), ORIGINALS, ids=lambda it: getattr(it, "__name__", "")
)
def test_a_task_error_survives_pickle_and_copy(
    original: type[Exception], args: tuple[Any, ...]
) -> None:
    error = restore(original, args, {"extra": [1]})
    error.task = spm.TaskInfo(
        3, "host", 2, "native", (Frame("f.py", 1, 0, 1, 2, "f", "x"),), "raised"
    )
    error.add_note("a note")
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(other) is type(error)
        assert other.args == args
        assert str(other) == str(error)
        assert other.extra == [1]
        assert other.task == error.task
        assert other.__notes__ == ["a note"]


def test_fields_of_builtins_are_there() -> None:
    error = restore(FileNotFoundError, (2, "gone", "a.txt"))
    assert isinstance(error, FileNotFoundError)
    assert (error.errno, error.strerror, error.filename) == (2, "gone", "a.txt")


def test_plain_errors_survive_pickle_with_their_fields() -> None:
    diagnostic = spm.Diagnostic("syntax-error", "f.py", 1, 2, "message", "help")
    compile_error = pickle.loads(pickle.dumps(spm.CompileError("text", [diagnostic])))
    assert compile_error.diagnostics == (diagnostic,)
    refused = pickle.loads(pickle.dumps(spm.ClosureRefused("text", {"host": "why"})))
    assert refused.reasons == {"host": "why"}


def test_failures_are_a_group_that_keeps_its_class() -> None:
    group = spm.TaskFailures("2 failed", [restore(ValueError, ("a",)), restore(KeyError, ("b",))])
    matched, rest = group.split(ValueError)
    assert isinstance(matched, spm.TaskFailures)
    assert isinstance(rest, spm.TaskFailures)
    assert isinstance(group, spm.SpmError)


class FakeComponent:
    """Sites and code points of a component that was never compiled."""

    def __init__(self, frames: list[Frame]) -> None:
        self.frames = frames

    def frame(self, site: int) -> Frame | None:
        return self.frames[site] if site < len(self.frames) else None

    def frame_at(self, function: int, offset: int) -> Frame | None:
        del offset
        return self.frame(function)


class FakeClosure:
    """What `_outcome` needs of a specialisation."""

    engine = "native"
    fuel = 1000
    memory_bytes = 256 << 20
    classes = (AppError, dict)

    def __init__(self, *frames: Frame) -> None:
        self.component = FakeComponent(list(frames))

    def decode(self, data: bytes) -> Any:
        return _spm.decode(data, self.classes)


def made(outcome: tuple[Any, ...], *frames: Frame) -> BaseException:
    closure: Any = FakeClosure(*frames)
    return _outcome.exception(closure, 7, "12D3host", 2, outcome)


def record(entries: dict[int, bytes]) -> bytes:
    """A `raised` record from the CBOR of its entries."""
    return bytes([0xA0 | len(entries)]) + b"".join(
        bytes([key]) + value for key, value in entries.items()
    )


def class_index(name: str) -> bytes:
    return _spm.encode(_spm.BUILTIN_EXCEPTIONS.index(name))


OUTCOMES: list[tuple[tuple[Any, ...], type[BaseException], str]] = [
    (("out of fuel", []), spm.FuelExhausted, "the task used all of its 1000 units of fuel"),
    (("out of memory", []), MemoryError, "the task reached its memory limit of 256 MiB"),
    (("deadline", []), spm.DeadlineExceeded, "the task ran past its deadline"),
    (("run deadline",), spm.DeadlineExceeded, "the run's deadline passed before the task ended"),
    (("host fault", "bug"), spm.HostFault, "the host failed, not the task: bug"),
    (("refused", "full"), spm.HostFault, "the host would not run the task: full"),
    (("host lost", "reset"), spm.HostLost, "the host was lost while it had the task: reset"),
    (
        ("no hosts", [("12D3", "gone")]),
        spm.NoHosts,
        "no host is left to run the task\n  12D3: gone",
    ),
    (("cancelled",), concurrent.futures.CancelledError, "the task was cancelled"),
    (("raised", b"\xff"), spm.SandboxViolation, "the guest raised what is no exception record: "),
]


@pytest.mark.parametrize(("outcome", "kind", "text"), OUTCOMES, ids=[row[0][0] for row in OUTCOMES])
def test_every_outcome_has_its_exception(
    outcome: Any, kind: type[BaseException], text: str
) -> None:
    error = made(outcome)
    assert isinstance(error, kind)
    assert str(error).startswith(text)
    if isinstance(error, spm.TaskError):
        assert error.task == spm.TaskInfo(7, "12D3host", 2, "native", (), outcome[0])


@pytest.mark.parametrize(
    ("number", "text", "name"), _spm.TRAPS, ids=[row[1][:30] for row in _spm.TRAPS]
)
def test_every_trap_has_its_exception(number: int, text: str, name: str) -> None:
    error = made(("trapped", number, []))
    assert isinstance(error, spm.TaskError)
    assert type(error).__name__ == name.removeprefix("spm.")
    assert text in str(error)


def test_a_raised_record_becomes_the_exception_with_its_chain() -> None:
    cause = record({0: class_index("KeyError"), 1: _spm.encode(["inner"])})
    raw = record(
        {
            0: class_index("ValueError"),
            1: _spm.encode(["bad", 3]),
            2: _spm.encode({"extra": 1}),
            3: _spm.encode(["a note"]),
            4: cause,
            6: _spm.encode(True),
        }
    )
    error: Any = made(("raised", raw))
    assert isinstance(error, ValueError)
    assert error.args == ("bad", 3)
    assert error.extra == 1
    assert error.__notes__ == ["a note"]
    assert isinstance(error.__cause__, KeyError)
    assert error.__suppress_context__


def test_only_known_exception_classes_are_rebuilt() -> None:
    error = made(("raised", record({0: _spm.encode(1000), 1: _spm.encode([1, "x"])})))
    assert isinstance(error, AppError)
    for index in (1001, 1002, 900):  # not an exception, beyond the table, beyond the builtins
        unknown = made(("raised", record({0: _spm.encode(index)})))
        assert isinstance(unknown, spm.RemoteException)


@pytest.mark.parametrize("name", sorted(NEVER_RAISED - {"CancelledError"}))
def test_what_python_acts_on_is_not_raised(name: str) -> None:
    error = made(("raised", record({0: class_index(name), 1: _spm.encode([3])})))
    assert type(error) is spm.RemoteException
    assert str(error) == f"the task raised {name}(3)"
    assert error.class_name == name


def test_exception_groups_keep_their_members() -> None:
    member = record({0: class_index("KeyError"), 1: _spm.encode(["k"])})
    raw = record(
        {0: class_index("ExceptionGroup"), 1: _spm.encode(["several"]), 7: b"\x81" + member}
    )
    error = made(("raised", raw))
    assert isinstance(error, ExceptionGroup)
    assert isinstance(error, spm.TaskError)
    assert [type(inner).__name__ for inner in error.exceptions] == ["KeyError"]


HERE = Path(__file__)


def divide(a: int, b: int) -> float:
    return a / b


def outer(b: int) -> float:
    return 1 + divide(1, b)


def frames_of(function: Any, *args: Any) -> list[Frame]:
    """The frames that CPython itself shows when `function` raises."""
    try:
        function(*args)
    except Exception as error:
        entries = traceback.extract_tb(error.__traceback__)[1:]
    return [
        Frame(
            entry.filename,
            entry.lineno or 0,
            entry.colno or 0,
            entry.end_lineno or 0,
            entry.end_colno or 0,
            entry.name,
            entry.line or "",
        )
        for entry in entries
    ]


def test_a_traceback_looks_as_python_prints_it() -> None:
    frames = frames_of(outer, 0)
    raw = record(
        {
            0: class_index("ZeroDivisionError"),
            1: _spm.encode(["division by zero"]),
            8: b"\x82\x01\x00",
        }
    )
    remote = made(("raised", raw), *frames)
    try:
        outer(0)
    except ZeroDivisionError as error:
        local = traceback.format_exception(error)
    try:
        raise remote
    except ZeroDivisionError as error:
        shown = traceback.format_exception(error)
    assert shown[0] == local[0]
    assert shown[2:] == local[2:]  # [1] is this test's own frame
    assert "in divide\n    return a / b\n           ~~^~~\n" in "".join(shown)
    assert remote.task.frames == tuple(frames)  # type: ignore[attr-defined]


def test_code_points_become_frames_innermost_last() -> None:
    frames = frames_of(outer, 0)
    error = made(("trapped", 3, [(1, 10), (99, 0), (0, 5)]), *frames)
    assert [entry.name for entry in traceback.extract_tb(error.__traceback__)] == [
        "outer",
        "divide",
    ]


def test_frames_left_out_of_a_recursion_are_shown_as_repeated() -> None:
    frame = Frame(str(HERE), 1, 0, 1, 3, "down", "")
    raw = record(
        {0: class_index("RecursionError"), 8: b"\x84\x00\x00\x00\x00", 10: b"\x19\x03\xe8"}
    )
    error = made(("raised", raw), frame)
    assert len(traceback.extract_tb(error.__traceback__)) == 1004
    assert "[Previous line repeated 1001 more times]" in "".join(traceback.format_exception(error))


def test_frames_left_out_elsewhere_are_noted() -> None:
    frames = (Frame(str(HERE), 1, 0, 1, 3, "a", ""), Frame(str(HERE), 2, 0, 2, 3, "b", ""))
    raw = record({0: class_index("RecursionError"), 8: b"\x82\x00\x01", 10: b"\x05"})
    error = made(("raised", raw), *frames)
    assert error.__notes__ == ["5 further frames of the recursion are not shown"]


def test_source_of_a_file_that_is_not_here_is_shown() -> None:
    frames = [
        Frame("/not/here/module.py", 7, 4, 7, 13, "f", "    return 1 / x"),
        Frame("/not/here/module.py", 3, 11, 3, 16, "g", "    return x // 0"),
    ]
    error = ValueError("x").with_traceback(task_traceback(frames))
    text = "".join(traceback.format_exception(error))
    assert 'File "/not/here/module.py", line 7, in f\n    return 1 / x\n' in text
    assert 'File "/not/here/module.py", line 3, in g\n    return x // 0\n' in text


def test_positions_over_several_lines_and_wide_columns() -> None:
    frame = Frame(str(HERE), 10, 300, 4000, 70000, "Class.method", "")
    built = task_traceback([frame])
    assert built is not None
    code = built.tb_frame.f_code
    assert set(code.co_positions()) == {(10, 4000, 300, 70000)}
    assert (code.co_name, code.co_qualname) == ("method", "Class.method")
    assert built.tb_lineno == 10


def test_logging_shows_the_same(caplog: pytest.LogCaptureFixture) -> None:
    error = ZeroDivisionError("division by zero").with_traceback(
        task_traceback(frames_of(outer, 0))
    )
    with caplog.at_level(logging.ERROR):
        try:
            raise error
        except ZeroDivisionError:
            logging.getLogger("user").exception("failed")
    assert "in divide\n    return a / b" in caplog.text


def own_frames(error: BaseException) -> list[str]:
    return [entry.filename for entry in traceback.extract_tb(error.__traceback__)]


def test_the_package_is_hidden_and_the_users_code_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    future: concurrent.futures.Future[int] = concurrent.futures.Future()
    future.set_exception(restore(ValueError, ("x",)))
    result = _spm.hidden(future.result)
    with pytest.raises(ValueError) as caught:
        result()
    assert own_frames(caught.value) == [__file__]
    monkeypatch.setenv("SPM_TRACEBACK", "full")
    with pytest.raises(ValueError) as caught:
        result()
    assert concurrent.futures._base.__file__ in own_frames(caught.value)


def test_a_bug_of_spm_keeps_its_frames() -> None:
    with pytest.raises(AttributeError) as caught:
        _spm.hidden(task_traceback)([None])
    assert own_frames(caught.value)[-1].endswith("_traceback.py")


def test_hidden_functions_are_still_functions_and_methods() -> None:
    class Pool:
        @_spm.hidden
        def map(self, x: int, *, y: int = 1) -> int:
            """Doc."""
            return x + y

    assert Pool().map(1, y=2) == 3
    assert Pool.map.__doc__ == "Doc."
    assert Pool.map.__name__ == "map"
    import inspect

    assert str(inspect.signature(Pool.map)) == "(self, x: int, *, y: int = 1) -> int"


def test_errors_of_user_callbacks_keep_the_users_frames() -> None:
    def callback() -> None:
        raise KeyError("user")

    with pytest.raises(KeyError) as caught:
        _spm.hidden(callback)()
    assert own_frames(caught.value) == [__file__, __file__]
    hide(caught.value)
    assert own_frames(caught.value) == [__file__, __file__]


def test_an_uncaught_error_prints_one_traceback() -> None:
    line = divide.__code__.co_firstlineno + 1
    program = f"""
import sys
sys.path.insert(0, {str(Path(spm.__file__).parents[1])!r})
from spm._errors import restore
from spm._task import Frame
from spm._traceback import task_traceback
frames = [Frame({str(HERE)!r}, {line}, 11, {line}, 16, "divide", "")]
raise restore(ZeroDivisionError, ("division by zero",)).with_traceback(task_traceback(frames))
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr.count("Traceback") == 1
    assert run.stderr.endswith(
        f'  File "{HERE}", line {line}, in divide\n'
        "    return a / b\n           ~~^~~\nZeroDivisionError: division by zero\n"
    )


def test_task_info_is_plain_data() -> None:
    info = spm.TaskInfo(index=1)
    assert pickle.loads(pickle.dumps(info)) == info
    assert json.dumps(Frame("f", 1, 2, 3, 4, "g", "h")) == '["f", 1, 2, 3, 4, "g", "h"]'


def test_a_task_that_ran_shows_the_same_traceback_as_a_call() -> None:
    try:
        outer(0)
    except ZeroDivisionError as error:
        local = traceback.format_exception(error)
    with spm.serial() as pool:
        try:
            pool.submit(outer, 0).result()
        except ZeroDivisionError as error:
            remote = traceback.format_exception(error)
        try:
            list(pool.map(outer, [1, 0]))
        except ZeroDivisionError as error:
            mapped = traceback.format_exception(error)
    assert remote[0] == local[0]
    assert "pool.submit(outer, 0).result()" in remote[1]
    assert remote[2:] == local[2:]
    assert "list(pool.map(outer, [1, 0]))" in mapped[1]
    assert mapped[2:] == local[2:]


def test_a_notebook_shows_the_tasks_frames(capsys: pytest.CaptureFixture[str]) -> None:
    interactive = pytest.importorskip("IPython.core.interactiveshell")
    shell = interactive.InteractiveShell.instance()
    try:
        shell.run_cell(
            "import spm\ndef divide(x):\n    return 10 // x\n"
            "with spm.serial() as pool:\n    pool.submit(divide, 0).result()"
        )
    finally:
        interactive.InteractiveShell.clear_instance()
    shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert shown.count("Traceback (most recent call last)") == 1
    assert "in divide(" in shown
    assert "----> 3     return 10 // x" in shown
    assert "_future.py" not in shown
    assert shown.rstrip().endswith("ZeroDivisionError: integer division or modulo by zero")
