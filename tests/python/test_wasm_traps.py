"""Every trap of WebAssembly that a component can take has its exception, the same on every pool.

Compiled Python raises and does not trap; so the components here are written by hand, and take the
place of the compiler's on their way out. What a trap is called is `spm._spm.TRAPS`.
"""

from collections.abc import Callable

import pytest
import wasmtime

import spm
from spm import _spm
from spm._specialise import Specialisation

# Of the table, these have no instruction: compiled Python raises the first two, the third stands for
# what wasmtime may add, and the last is for tasks of a `Template`, whose tests have it.
NEVER = {1, 2, 14, 15}

GUEST = """
(component
  {imports}
  (core module $memory
    (memory (export "memory") {pages})
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $memory (instantiate $memory))
  (alias core export $memory "memory" (core memory $heap))
  (alias core export $memory "realloc" (core func $realloc))
  {lowered}
  (core module $main
    (import "memory" "memory" (memory {pages}))
    {imported}
    (table $table 2 funcref)
    (type $nothing (func))
    (func $other (param i32))
    (elem (table $table) (i32.const 1) func $other)
    (func $deeper (param i64 i64) (result i64)
      (i64.add (local.get 0) (call $deeper (local.get 1) (local.get 0))))
    (func $grow
      (loop $more
        (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
      unreachable)
    (func $spin (loop $more (br $more)))
    (func $answer (param $pointer i32) (param $length i32) (result i32)
      (i32.store (i32.const 0) (i32.const 0))
      (i32.store (i32.const 4) (local.get $pointer))
      (i32.store (i32.const 8) (local.get $length))
      (i32.const 0))
    (func (export "define") (param i32 i32) (result i32)
      (call $answer (i32.const 0) (i32.const 0)))
    (func (export "call") (param i32 i32) (result i32) {call}))
  (core instance $main
    (instantiate $main (with "memory" (instance $memory)) {given}))
  (func (export "define") (param "payload" (list u8)) (result (result (error (list u8))))
    (canon lift (core func $main "define") (memory $heap) (realloc $realloc)))
  (func (export "call") (param "arguments" (list u8))
      (result (result (list u8) (error (list u8))))
    (canon lift (core func $main "call") (memory $heap) (realloc $realloc))))
"""


def guest(call: str, *, pages: int = 1) -> bytes:
    """A component whose `call` has this body."""
    text = GUEST.format(call=call, pages=pages, imports="", lowered="", imported="", given="")
    return bytes(wasmtime.wat2wasm(text))


def importing(interface: str, function: str, parameters: str, core: str, call: str) -> bytes:
    """A component that may call one import."""
    return bytes(
        wasmtime.wat2wasm(
            GUEST.format(
                call=call,
                pages=1,
                imports=f"""
                  (import "{interface}" (instance $host
                    (export "{function}" (func {parameters}))))
                  (alias export $host "{function}" (func $imported))""",
                lowered="(core func $lowered (canon lower (func $imported) (memory $heap)))"
                '(core instance $given (export "f" (func $lowered)))',
                imported=f'(import "host" "f" (func $f {core}))',
                given='(with "host" (instance $given))',
            )
        )
    )


def answering(data: bytes) -> bytes:
    """A component that returns these bytes."""
    stores = "".join(
        f"(i32.store8 (i32.const {512 + at}) (i32.const {byte}))" for at, byte in enumerate(data)
    )
    return guest(f"{stores} (call $answer (i32.const 512) (i32.const {len(data)}))")


TRAPS: dict[str, tuple[Callable[[], bytes], int]] = {
    "an int divided by zero": (
        lambda: guest("(drop (i32.div_s (i32.const 1) (i32.const 0))) unreachable"),
        3,
    ),
    "a quotient beyond its type": (
        lambda: guest(
            "(drop (i64.div_s (i64.const 0x8000000000000000) (i64.const -1))) unreachable"
        ),
        4,
    ),
    "a float beyond all ints": (
        lambda: guest("(drop (i32.trunc_f64_s (f64.const 1e300))) unreachable"),
        4,
    ),
    "a load outside memory": (lambda: guest("(i32.load (i32.const -4))"), 5),
    "a call outside the table": (
        lambda: guest("(call_indirect $table (type $nothing) (i32.const 9)) unreachable"),
        6,
    ),
    "a call of nothing": (
        lambda: guest("(call_indirect $table (type $nothing) (i32.const 0)) unreachable"),
        7,
    ),
    "a call of another type": (
        lambda: guest("(call_indirect $table (type $nothing) (i32.const 1)) unreachable"),
        7,
    ),
    "unreachable": (lambda: guest("unreachable"), 8),
    "endless recursion": (
        lambda: guest("(drop (call $deeper (i64.const 1) (i64.const 2))) (i32.const 0)"),
        9,
    ),
    "a result outside memory": (
        lambda: guest("(call $answer (i32.const 65530) (i32.const 100))"),
        10,
    ),
    "an import that is not granted": (
        lambda: importing(
            "wasi:cli/stdout@0.2.0",
            "get-number",
            "(result u64)",
            "(result i64)",
            "(drop (call $f)) unreachable",
        ),
        11,
    ),
    "endless output": (
        lambda: importing(
            "spm:closure/log@0.1.0",
            "print",
            '(param "text" (list u8))',
            "(param i32 i32)",
            "(loop $more (call $f (i32.const 0) (i32.const 65536)) (br $more)) unreachable",
        ),
        12,
    ),
    "an exception that is too large": (
        lambda: guest(
            "(drop (call $answer (i32.const 0) (i32.const 0x100001)))"
            "(i32.store (i32.const 0) (i32.const 1)) (i32.const 0)",
            pages=17,
        ),
        13,
    ),
}
BUILTINS = {"ZeroDivisionError", "OverflowError", "RecursionError"}


@pytest.fixture
def ran(pool: spm.Pool, monkeypatch: pytest.MonkeyPatch) -> Callable[..., BaseException | None]:
    """Runs a component in the place of a compiled function."""

    def run(component: bytes, **options: float) -> BaseException | None:
        sent = property(lambda _self: component)
        with monkeypatch.context() as patch:
            patch.setattr(Specialisation, "component_bytes", sent)

            @spm.wasm_closure(**options)
            def stand_in(x: int) -> int:
                return x

            return pool.submit(stand_in, 1).exception(timeout=120)

    return run


Ran = Callable[..., BaseException | None]


def test_every_trap_has_its_exception(ran: Ran) -> None:
    table = {number: (text, name) for number, text, name in _spm.TRAPS}
    assert {number for _, number in TRAPS.values()} == set(table) - NEVER
    for what, (component, number) in TRAPS.items():
        text, name = table[number]
        error = ran(component())
        assert isinstance(error, spm.TaskError), f"{what}: {error!r}"
        assert type(error).__name__ == name.removeprefix("spm."), what
        assert text in str(error), what
        assert error.task is not None
        assert error.task.outcome == "trapped", what
        if name in BUILTINS:
            assert isinstance(error, getattr(__import__("builtins"), name))
        else:
            assert isinstance(error, spm.SandboxViolation)


def test_memory_fuel_and_deadline_end_any_component(ran: Ran) -> None:
    endless = guest("(call $spin) unreachable")
    assert isinstance(ran(guest("(call $grow) unreachable"), memory_mib=2), MemoryError)
    assert isinstance(ran(endless, fuel=10_000), spm.FuelExhausted)
    assert isinstance(ran(endless, deadline_s=0.1), spm.DeadlineExceeded)


def test_a_result_that_is_no_value_is_a_violation(ran: Ran) -> None:
    for data in (b"", b"\xff", b"\x01\x01", b"\xd9\xb1\x20\x82\x00\x61x"):
        error = ran(answering(data))
        assert isinstance(error, spm.SandboxViolation), data
        assert "malformed value" in str(error)
    assert ran(answering(b"\x18\x2a")) is None
