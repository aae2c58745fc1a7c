"""The `python` engine's component in PyPI's `wasmtime`, a runtime that knows nothing of SPM.

WASI is stubs that stand still; what they do not answer traps.
"""

from pathlib import Path
from typing import Any

import wasmtime
from wasmtime import component

import spm
from spm_guest.codec import ClassTable, decode, encode

COMPONENT = Path(spm.__file__).parent / "engines/python.wasm"
STACK_BYTES = 2 << 20
SEED = 42


class Trapped(Exception):
    """The instance ended otherwise than by returning."""


class Failed(Exception):
    """The outcome is an exception: `.record`."""

    def __init__(self, record: bytes) -> None:
        super().__init__(record)
        self.record = record


class _Record:
    seconds = 0
    nanoseconds = 0


class Engine:
    """The component, compiled once."""

    def __init__(self, path: Path = COMPONENT) -> None:
        config = wasmtime.Config()
        config.max_wasm_stack = STACK_BYTES
        engine = wasmtime.Engine(config)
        self.printed: list[bytes] = []
        self.slept: list[int] = []
        self.component = component.Component(engine, path.read_bytes())
        self.linker = component.Linker(engine)
        self.linker.define_unknown_imports_as_traps(self.component)
        self.linker.allow_shadowing = True
        self.engine = engine
        names = list(self.component.type.imports(engine))
        with self.linker.root() as root:
            for wanted, functions in self._functions().items():
                name = next(name for name in names if name.partition("@")[0] == wanted)
                with root.add_instance(name) as instance:
                    for each, function in functions.items():
                        instance.add_func(each, function)

    def _functions(self) -> dict[str, dict[str, Any]]:
        def nothing(_: Any) -> list[Any]:
            return []

        return {
            "spm:closure/log": {"print": lambda _, text: self.printed.append(bytes(text))},
            "spm:closure/task": {
                "index": lambda _: 3,
                "attempt": lambda _: 1,
                "seed": lambda _: SEED,
                "sleep": lambda _, nanoseconds: self.slept.append(nanoseconds),
            },
            "wasi:cli/environment": {
                "get-environment": nothing,
                "get-arguments": nothing,
                "initial-cwd": lambda _: None,
            },
            "wasi:filesystem/preopens": {"get-directories": nothing},
            "wasi:clocks/monotonic-clock": {"now": lambda _: 1, "resolution": lambda _: 1},
            "wasi:clocks/wall-clock": {
                "now": lambda _: _Record(),
                "resolution": lambda _: _Record(),
            },
            "wasi:random/random": {
                "get-random-u64": lambda _: 5,
                "get-random-bytes": lambda _, count: bytes(count),
            },
        }

    def instance(self, payload: bytes, classes: tuple[type | None, ...] = ()) -> "Instance":
        self.printed.clear()
        self.slept.clear()
        return Instance(self, payload, classes)


class Instance:
    """One sandbox with its closure."""

    def __init__(self, engine: Engine, payload: bytes, classes: tuple[type | None, ...]) -> None:
        self.table = ClassTable(classes)
        self.store = wasmtime.Store(engine.engine)
        self.instance = engine.linker.instantiate(self.store, engine.component)
        failed = self._run("define", payload)
        if failed is not None:
            raise Failed(bytes(getattr(failed, "payload", failed)))

    def _run(self, name: str, data: bytes) -> Any:
        function = self.instance.get_func(self.store, name)
        assert function is not None
        try:
            result = function(self.store, data)
        except wasmtime.WasmtimeError as error:
            raise Trapped(str(error)) from None
        function.post_return(self.store)
        return result

    def call(self, *arguments: Any) -> Any:
        result = self._run("call", encode(list(arguments), self.table))
        if result.tag == "err":
            raise Failed(bytes(result.payload))
        return decode(bytes(result.payload), self.table)
