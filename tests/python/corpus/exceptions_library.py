"""Exceptions that modules of the standard library raise, and that nobody catches in the task.

In the first half, the function names the class; in the second, only the module knows it.
"""

import argparse
import binascii
import configparser
import copy
import enum
import graphlib
import json
import queue
import statistics
import struct
import zipfile
import zlib
from dataclasses import FrozenInstanceError, dataclass
from decimal import InvalidOperation
from json import JSONDecodeError

from corpus import case


@dataclass(frozen=True)
class Frozen:
    n: int


@case(("[1, ",))
def a_json_error_named_and_raised_again(text):
    try:
        return json.loads(text)
    except JSONDecodeError as error:
        error.add_note("while reading a test")
        raise


@case(("x",))
def a_json_error_as_a_cause(text):
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise RuntimeError("bad document") from error


@case()
def a_decimal_signal_raised_by_hand():
    raise InvalidOperation("by hand")


@case()
def a_frozen_instance_error_named():
    raise FrozenInstanceError("cannot touch this")


@case()
def an_empty_queue_named():
    raise queue.Empty


@case()
def a_struct_error_named():
    raise struct.error("so it is", 2)


@case()
def a_copy_error_named():
    raise copy.Error("not copied")


class Failed(configparser.Error):
    def __init__(self, section):
        super().__init__(f"in {section}")
        self.section = section


@case(("main",))
def a_subclass_of_a_library_class(section):
    raise Failed(section)


@case(("[1, 2",), ("nul",))
def json_error(text):
    return json.loads(text)


@case((b"abc",))
def zlib_error(data):
    try:
        return zlib.decompress(data)
    finally:
        data = None


@case((b"a",))
def base64_error(data):
    return binascii.a2b_base64(data)


@case(([],))
def statistics_error(data):
    return statistics.mean(data)


@case((b"ab",))
def struct_error(data):
    return struct.unpack("<I", data)


@case((Frozen(1),))
def frozen_instance_error(it):
    it.n = 2


@case()
def configuration_error():
    return configparser.ConfigParser().get("none", "x")


@case()
def empty_queue():
    return queue.Queue().get(block=False)


@case(({"a": ["b"], "b": ["a"]},))
def cycle_error(graph):
    return list(graphlib.TopologicalSorter(graph).static_order())[0]


@case()
def argument_type_error():
    raise argparse.ArgumentTypeError("not a number")


@case()
def bad_zip_file():
    raise zipfile.BadZipFile("broken")


@case()
def a_group_of_library_errors():
    errors = []
    for call in (
        lambda: json.loads("{"),
        lambda: binascii.unhexlify("x"),
        lambda: enum.Enum("E", "A")("B"),
    ):
        try:
            call()
        except ValueError as error:
            errors.append(error)
    raise ExceptionGroup("library", errors)
