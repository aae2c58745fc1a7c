"""Fallbacks made of compiled functions, for tests: what engines of other kinds would be."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import wasmtime

import spm
from spm import _spm
from spm._closure import prepare
from spm._specialise import Specialisation

# Returns the payload that it was defined with, whatever it is called with.
PAYLOAD_GUEST = """
(component
  (core module $main
    (memory (export "memory") 4)
    (global $free (mut i32) (i32.const 1024))
    (global $payload (mut i32) (i32.const 0))
    (global $bytes (mut i32) (i32.const 0))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.get $free)
      (global.set $free (i32.add (global.get $free) (local.get 3))))
    (func $answer (param $pointer i32) (param $length i32) (result i32)
      (i32.store (i32.const 0) (i32.const 0))
      (i32.store (i32.const 4) (local.get $pointer))
      (i32.store (i32.const 8) (local.get $length))
      (i32.const 0))
    (func (export "define") (param i32 i32) (result i32)
      (global.set $payload (local.get 0))
      (global.set $bytes (local.get 1))
      (call $answer (i32.const 0) (i32.const 0)))
    (func (export "call") (param i32 i32) (result i32)
      (call $answer (global.get $payload) (global.get $bytes))))
  (core instance $main (instantiate $main))
  (alias core export $main "memory" (core memory $heap))
  (alias core export $main "realloc" (core func $realloc))
  (func (export "define") (param "payload" (list u8)) (result (result (error (list u8))))
    (canon lift (core func $main "define") (memory $heap) (realloc $realloc)))
  (func (export "call") (param "arguments" (list u8))
      (result (result (list u8) (error (list u8))))
    (canon lift (core func $main "call") (memory $heap) (realloc $realloc))))
"""


class Fallback:
    """A specialisation in the disguise of another engine's: it takes whatever can cross."""

    engine = "guest"
    arguments = None
    fallback = None

    def __init__(self, of: Specialisation, **changed: Any) -> None:
        self._of = of
        self.names = of.arguments.names
        self.__dict__.update(changed)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._of, name)


def fall_back(
    function: Callable[..., Any], example: tuple[Any, ...], to: Callable[..., Any], **changed: Any
) -> Specialisation:
    """Let `to` run what `function`, compiled for `example`, cannot."""
    specialisation, _ = prepare(function, example, {})
    specialisation.fallback = Fallback(prepare(to, example, {})[0], **changed)  # type: ignore[assignment]
    return specialisation


def payload_runtime(folder: Path) -> _spm.Runtime:
    """A runtime in a file of its own."""
    path = folder / "runtime.wasm"
    path.write_bytes(bytes(wasmtime.wat2wasm(PAYLOAD_GUEST)))
    return _spm.Runtime(path)


def pool_of(kind: str) -> spm.Pool:
    return spm.laptop(2) if kind == "laptop" else spm.serial()
