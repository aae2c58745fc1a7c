"""The value codec, complete: importing this knows every type that crosses."""

from . import decode_classes, decode_library, encode_classes, encode_library
from .classes import ClassTable
from .decode import decode
from .encode import encode

__all__ = [
    "ClassTable",
    "decode",
    "decode_classes",
    "decode_library",
    "encode",
    "encode_classes",
    "encode_library",
]
