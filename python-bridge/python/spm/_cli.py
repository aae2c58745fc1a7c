"""The command `spm`."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ._compile_command import (
    ImportFailed,
    compiled_function,
    compiled_module,
    named_function,
    split,
    write,
)
from ._errors import ClosureError, DeadlineExceeded, SpmError, TaskError
from ._inspect import escaped, inspect
from ._laptop import named_pool
from ._program import Completed, program, run
from ._program_files import checked_name
from ._serial import serial
from ._settings import MEMORY_MIB_DEFAULT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._pool import Pool

# As shells and `timeout` have them.
_DEADLINE: Final = 124
_REFUSED: Final = 126
_NOT_FOUND: Final = 127
_TRAPPED: Final = 134
_INTERRUPTED: Final = 130

_PYTHON: Final = "python"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.act(options)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except FileNotFoundError as error:
        return _fail(error, _NOT_FOUND)
    except ClosureError as error:
        return _fail(error, _REFUSED)
    except ImportFailed as error:
        traceback.print_exception(error.__cause__)
        return _fail(error, 1)
    except DeadlineExceeded as error:
        return _fail(error, _DEADLINE)
    except TaskError as error:
        return _fail(error, _TRAPPED)
    except (SpmError, OSError, ValueError) as error:
        return _fail(error, 1)
    return status


def _fail(error: BaseException, status: int) -> int:
    told = "\n  ".join([f"spm: {error}", *getattr(error, "__notes__", ())])
    print(escaped(told, but="\n"), file=sys.stderr)  # noqa: T201
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="spm", description="Run, compile and explain WebAssembly."
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_run(commands)
    _add_compile(commands)
    _add_explain(commands)
    return parser


def _add_run(commands: Any) -> None:
    parser = commands.add_parser(
        "run",
        help="run a stand-alone program",
        usage="spm run [OPTION...] PROGRAM.wasm [--] [ARGUMENT...]\n"
        "       spm run [OPTION...] python [--] SCRIPT.py [ARGUMENT...]",
        description="Run a program for WASI, or a Python script, in a sandbox. It sees "
        "the files it is given, and nothing else of this machine.",
    )
    parser.set_defaults(act=_run)
    add = parser.add_argument
    add("--env", action="append", default=[], metavar="NAME=VALUE", help="a variable it sees")
    add(
        "--file",
        action="append",
        default=[],
        metavar="[NAME=]PATH",
        help="a file or folder it finds below `/`, there as NAME",
    )
    add("--out", type=Path, metavar="FOLDER", help="where to put files that it made or changed")
    add("--stdin", metavar="PATH", help="what it reads; without, standard input if no terminal")
    add("--deadline", type=float, metavar="SECONDS", help="stop it after so long")
    add("--memory", type=int, default=MEMORY_MIB_DEFAULT, metavar="MIB", help="what it may use")
    add("--pool", metavar="POOL", help="serial, laptop, laptop:4, or addresses of hosts")
    add("--stream", action="store_true", help="show its output as it comes, on standard output")
    add("program", metavar="PROGRAM", help="the program, or `python`")
    add("arguments", nargs=argparse.REMAINDER, metavar="ARGUMENT", help="what it is called with")


def _add_compile(commands: Any) -> None:
    parser = commands.add_parser(
        "compile",
        help="make a closure's component",
        description="Make a component of a function, compiled for the types of its annotations, or of a core "
        "module that another language's compiler made. `spm.load` takes it, and so does any "
        "runtime that knows components.",
    )
    parser.set_defaults(act=_compile)
    parser.add_argument("source", metavar="FILE.py:FUNCTION | MODULE.wasm", help="what to compile")
    parser.add_argument("-o", dest="out", type=Path, required=True, metavar="FILE", help="where to")
    parser.add_argument(
        "--signature",
        type=Path,
        metavar="FILE.json",
        help="what a module's signature is, if it does not say that itself",
    )


def _add_explain(commands: Any) -> None:
    parser = commands.add_parser(
        "explain",
        help="say what a WebAssembly file or a function is",
        description="Say what a WebAssembly file is, and whether hosts take it: the exit status is 1 if they "
        "do not, and 126 if it is broken. Or say what the compiler makes of a function.",
    )
    parser.set_defaults(act=_explain)
    parser.add_argument("what", metavar="FILE.wasm | FILE.py:FUNCTION", help="what to explain")


def _compile(options: argparse.Namespace) -> int:
    named = split(options.source)
    if named is not None and options.signature is not None:
        raise ValueError("--signature is for modules: a function has its own")
    if named is not None:
        component = compiled_function(named_function(*named))
    elif options.source.endswith(".py"):
        raise ValueError(f"name a function of it: spm compile {options.source}:FUNCTION -o FILE")
    else:
        component = compiled_module(Path(options.source), options.signature)
    write(options.out, component)
    return 0


def _explain(options: argparse.Namespace) -> int:
    named = split(options.what)
    if named is not None:
        sys.stdout.write(named_function(*named).explain().rstrip("\n") + "\n")
        return 0
    if options.what.endswith(".py"):
        raise ValueError(f"name a function of it: spm explain {options.what}:FUNCTION")
    report = inspect(Path(options.what))
    sys.stdout.write(str(report))
    return 0 if report.refusal is None else 1


def _run(options: argparse.Namespace) -> int:
    arguments = options.arguments
    if arguments[:1] == ["--"]:
        arguments = arguments[1:]
    env = dict(_pair(text, "--env") for text in options.env)
    shown = _shown(stream=options.stream)
    stdin = _stdin(options.stdin)
    with _pool(options.pool) as pool:
        if options.program == _PYTHON:
            completed = _run_script(options, arguments, env, stdin, shown, pool)
        else:
            files = dict(_file(text) for text in options.file)
            closure = program(options.program, stream=shown, memory_mib=options.memory)
            completed = run(
                closure,
                arguments,
                env=env,
                stdin=stdin,
                files=files,
                deadline_s=options.deadline,
                pool=pool,
            )
    if "stdout" not in shown:
        sys.stdout.buffer.write(completed.stdout)
    sys.stdout.flush()
    if "stderr" not in shown:
        sys.stderr.buffer.write(completed.stderr)
        sys.stderr.flush()
    if options.out is not None:
        _write(options.out, completed.files)
    return completed.returncode


def _run_script(
    options: argparse.Namespace,
    arguments: list[str],
    env: dict[str, str],
    stdin: bytes,
    shown: list[str],
    pool: Pool,
) -> Completed:
    from ._script import run_script

    if not arguments:
        raise ValueError("`spm run python` takes a script: spm run python -- SCRIPT.py")
    if options.file:
        raise ValueError("--file is for programs: scripts in the `python` engine have no files")
    return run_script(
        arguments,
        env=env,
        stdin=stdin,
        shown=shown,
        memory_mib=options.memory,
        deadline_s=options.deadline,
        pool=pool,
    )


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ValueError(f"{option} takes NAME=VALUE, not {text!r}")
    return name, value


def _file(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if equals:
        return name, Path(path)
    return Path(text).resolve().name, Path(text)


def _stdin(path: str | None) -> bytes:
    if path is not None and path != "-":
        return Path(path).read_bytes()
    if path is None and sys.stdin.isatty():
        return b""
    return sys.stdin.buffer.read()


def _shown(*, stream: bool) -> list[str]:
    """Which outputs are shown as they come: on a terminal there is no telling them apart."""
    if stream or (sys.stdout.isatty() and sys.stderr.isatty()):
        return ["stdout", "stderr"]
    return ["stdout"] if sys.stdout.isatty() else []


def _pool(named: str | None) -> Pool:
    if named is not None:
        return named_pool(named, "--pool")
    from_environment = os.environ.get("SPM_POOL", "").strip()
    return named_pool(from_environment, "SPM_POOL") if from_environment else serial()


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """Write what a program made. Its names are a stranger's: none leads out of the folder."""
    root = folder.resolve()
    for name, content in files.items():
        path = root / checked_name(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.parent.resolve().is_relative_to(root) or path.is_symlink():
            raise ValueError(f"the file {name!r} would not be in {folder}")
        path.write_bytes(content)
