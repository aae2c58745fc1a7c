"""A parallel make, on an `spm.Dag`: it compiles the sources beside it, links them to a Wasm module, and checks that.

Whether a target is up to date is decided by content: its key is a digest of the command, of its arguments and of the
keys of what it needs, as in A. Mokhov, N. Mitchell, S. Peyton Jones, "Build systems à la carte", ICFP 2018. Tasks have
no files: what they read goes in as a value, and the submitter writes what comes out.
"""

import ast
import hashlib
import json
import math
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import spm

from . import interpreter, toolchain

SOURCES = Path(__file__).with_name("sources")
MODULE = "numbers.wasm"
TOOLS = (toolchain.__file__, interpreter.__file__, __file__)
"""If they change, everything is made anew."""

Functions = list[tuple[str, int, int, list[bytes | str]]]
"""An object as a plain value."""


@spm.wasm_closure
def read_interface(name: str, text: str) -> dict[str, int]:
    return toolchain.interface(name, text)


@spm.wasm_closure
def compile_source(name: str, text: str, used: list[dict[str, int]]) -> Functions:
    made = toolchain.compile_source(name, text, used)
    return [(one.name, one.parameters, one.locals, one.code) for one in made]


@spm.wasm_closure
def link(objects: list[Functions]) -> bytes:
    return toolchain.link([[toolchain.Function(*one) for one in each] for each in objects])


@spm.wasm_closure
def check(module: bytes, cases: list[tuple[str, list[int], bytes, int]]) -> int:
    """Run the module: function, arguments, what is in memory, and the answer expected."""
    for function, arguments, memory, expected in cases:
        instance = interpreter.Instance(module)
        instance.memory[: len(memory)] = memory
        found = instance.call(function, *arguments)
        assert found == expected, f"{function}{tuple(arguments)} is {found}, not {expected}"
    return len(cases)


def cases() -> list[tuple[str, list[int], bytes, int]]:
    """What the functions of the sources should return, as Python's library knows it."""
    text = b"Simplicity is prerequisite for reliability."
    primes = [n for n in range(2, 600) if all(n % d for d in range(2, n))]
    moved = [i for i in range(1, len(text)) if max(text[:i]) > text[i]]
    gap = max(abs(a - b) for a, b in pairwise(text))
    plain: list[tuple[str, list[int], int]] = [
        *(("gcd", [a, b], math.gcd(a, b)) for a, b in ((84, 36), (-84, 36), (0, 5), (10**15, 48))),
        *(("lcm", [a, b], math.lcm(a, b)) for a, b in ((4, 6), (21, 6), (0, 7))),
        *(("power", [3, n], 3**n) for n in (0, 1, 20, 39)),
        *(("power_modulo", [7, n, 1000003], pow(7, n, 1000003)) for n in (0, 5, 10**9)),
        *(("square_root", [n], math.isqrt(n)) for n in (0, 1, 99, 100, 10**15)),
        *(("is_square", [n], int(math.isqrt(n) ** 2 == n)) for n in (49, 50)),
        *(("is_prime", [n], int(n in primes)) for n in range(550, 600)),
        *(("next_prime", [n], next(p for p in primes if p > n)) for n in (1, 89, 541)),
        *(("choose", [n, n // 3], math.comb(n, n // 3)) for n in (3, 10, 40)),
        *(("totient", [n], sum(math.gcd(i, n) == 1 for i in range(1, n + 1))) for n in (1, 36, 97)),
        ("carmichael", [600], 1),  # 561
    ]
    return [
        *((name, arguments, b"", expected) for name, arguments, expected in plain),
        ("crc32", [0, len(text)], text, zlib.crc32(text)),
        ("adler32", [0, len(text)], text, zlib.adler32(text)),
        ("sort8", [0, len(text)], text, len(moved)),
        ("widest_gap", [0, len(text)], text, gap),
    ]


@dataclass
class Target:
    """Something to make: `command(*arguments, *results of needs)`."""

    command: spm.Closure[..., Any]
    arguments: tuple[Any, ...] = ()
    needs: list[str] = field(default_factory=list)
    is_list: bool = False
    """Whether the results of what it needs go in as one list."""
    last: tuple[Any, ...] = ()


@dataclass
class Made:
    """What a make did."""

    built: list[str]
    kept: list[str]
    hosts: set[str | None]
    """Where the commands ran."""
    module: bytes
    checked: int
    """How many calls of the module gave what they should."""


def targets(sources: Path) -> dict[str, Target]:
    """What there is to make of a folder of sources, each after what it needs."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(sources.glob("*.lisp"))}
    made = {
        f"{name}.interface": Target(read_interface, (name, text)) for name, text in texts.items()
    }
    for name, text in texts.items():
        used = [f"{other}.interface" for other in toolchain.uses(name, text)]
        made[f"{name}.object"] = Target(compile_source, (name, text), used, is_list=True)
    made[MODULE] = Target(link, needs=[f"{name}.object" for name in texts], is_list=True)
    made["checked"] = Target(check, needs=[MODULE], last=(cases(),))
    return made


def keys_of(wanted: dict[str, Target], tools: Iterable[str] = TOOLS) -> dict[str, str]:
    """For each target, a digest of all that it is made from."""
    toolchain_digest = hashlib.sha256(b"".join(Path(tool).read_bytes() for tool in tools))
    keys: dict[str, str] = {}
    for name, target in wanted.items():
        missing = [need for need in target.needs if need not in keys]
        if missing:
            raise toolchain.SourceError(f"{name} needs {missing[0]}, and there is no such source")
        digest = toolchain_digest.copy()
        parts = (target.command.source, target.arguments, target.last)
        digest.update(repr((parts, [keys[need] for need in target.needs])).encode())
        keys[name] = digest.hexdigest()
    return keys


class Store:
    """Results of earlier makes: each in a file, and in one more the keys they were made for."""

    def __init__(self, folder: Path) -> None:
        """Read what is there."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.state = folder, folder / "made.json"
        self.made: dict[str, list[str]] = (
            json.loads(self.state.read_text(encoding="utf-8")) if self.state.exists() else {}
        )

    def get(self, name: str, key: str) -> tuple[bool, Any]:
        """Whether a result for that key is there and unharmed, and the result."""
        path = self.folder / name
        known, digest = self.made.get(name, ("", ""))
        if known != key or not path.exists():
            return False, None
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != digest:
            return False, None
        return True, data if name.endswith(".wasm") else ast.literal_eval(data.decode())

    def put(self, name: str, key: str, value: Any) -> None:
        """Keep a result."""
        data = value if isinstance(value, bytes) else repr(value).encode()
        (self.folder / name).write_bytes(data)
        self.made[name] = [key, hashlib.sha256(data).hexdigest()]

    def save(self) -> None:
        """Keep the keys."""
        self.state.write_text(json.dumps(self.made, indent=1), encoding="utf-8")


def make(pool: spm.Pool, sources: Path, build: Path) -> Made:
    """Bring `build` up to date with `sources`.

    If commands fail, `spm.TaskFailures` has what they raised; what did not need them is made and
    kept all the same.
    """
    wanted, store, hosts = targets(sources), Store(build), set[str | None]()
    keys = keys_of(wanted)

    def note(status: spm.Status) -> None:
        hosts.add(status.task.host)

    dag = spm.Dag(pool, on_status=note, on_error="collect")
    values: dict[str, Any] = {}  # results that are there, and nodes for the others
    nodes: dict[str, Any] = {}
    for name, target in wanted.items():
        is_there, value = store.get(name, keys[name])
        if not is_there:
            needs = [values[need] for need in target.needs]
            arguments = [*target.arguments, *([needs] if target.is_list else needs), *target.last]
            value = nodes[name] = dag.add(target.command, *arguments)
        values[name] = value
    if nodes:
        results = dag.run(*nodes.values())
        for name, result in zip(nodes, results, strict=True):
            values[name] = result
            if not isinstance(result, spm.TaskError):
                store.put(name, keys[name], result)
        store.save()
        results.raise_all()
    kept = [name for name in wanted if name not in nodes]
    return Made(list(nodes), kept, hosts, values[MODULE], values["checked"])


def dependants(wanted: dict[str, Target], source: str) -> set[str]:
    """What has to be made anew when a source changes."""
    stale = {f"{source}.interface", f"{source}.object"}
    for name, target in wanted.items():
        if stale.intersection(target.needs):
            stale.add(name)
    return stale
