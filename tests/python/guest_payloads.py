"""Payloads of the `python` engine, made by hand, and the guest under this CPython."""

import textwrap
from pathlib import Path
from typing import Any

import cbor2

from spm_guest.codec import ClassTable, encode
from spm_guest.raised import BUILTIN_EXCEPTIONS

ROOT = Path(__file__).resolve().parents[2]


FILE = "/home/user/work.py"


def piece(text: str, **changes: Any) -> dict[str, Any]:
    """What a "function", "class" or "statement" step says, for source that begins at line 10."""
    text = textwrap.dedent(text).strip("\n")
    name = changes.pop("name", "f")
    return {
        "module": "__main__",
        "name": name,
        "qualname": name,
        "text": text,
        "file": FILE,
        "line": 10,
        "column": 0,
        "free": [],
        "cells": [],
        "defaults": None,
        "kwdefaults": None,
        "dict": {},
        "future": [],
        "class": None,
        **changes,
    }


def payload(
    steps: list[list[Any]], entry: int, table: ClassTable | None = None, **changes: Any
) -> bytes:
    return encode(
        {
            "format": 1,
            "recursion_limit": 1000,
            "modules": {"__main__": {"file": FILE, "package": None, "doc": None}},
            "sources": {},
            "resources": {},
            "steps": steps,
            "entry": entry,
            "entry_name": "f",
            "classes": [],
            "allow": [],
            **changes,
        },
        table or ClassTable(),
    )


def simple(text: str, **changes: Any) -> bytes:
    """A payload of one function, bound to its name."""
    return payload([["function", 0, piece(text)], ["global", "__main__", "f", 0]], 0, **changes)


def named(record: bytes) -> dict[Any, Any]:
    """A record, with its class by name where that is a builtin."""
    found = cbor2.loads(record)
    return _named(found)


def _named(found: dict[Any, Any]) -> dict[Any, Any]:
    number = found[0]
    found["class"] = BUILTIN_EXCEPTIONS[number] if number < 1000 else number - 1000
    for key in (4, 5):
        if found.get(key):
            _named(found[key])
    for member in found.get(7, ()):
        _named(member)
    return found
