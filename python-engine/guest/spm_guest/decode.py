"""From CBOR to Python objects: the builtin types.

What is taken here is what the protocol's decoder takes (`protocol/src/value`): shortest forms,
definite lengths, known tags. Whatever the bytes are, the error is a `ValueError`.
"""

from array import array
from struct import Struct
from typing import TYPE_CHECKING, Any, Final, NoReturn

from . import tags
from .classes import EMPTY, ClassTable
from .encode import BYTES_ARE_REVERSED
from .limits import DEPTH_MAX, INT_BYTES_MAX, VALUE_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Callable

_SHORT: Final = Struct(">H").unpack_from
_WORD: Final = Struct(">I").unpack_from
_LONG: Final = Struct(">Q").unpack_from
_FLOAT: Final = Struct(">d").unpack_from
_FLOATS_IN_BULK: Final = 8
_MARKS: Final = b"\xfb"


class Malformed(ValueError):
    """Bytes that are no value. Shown as a plain `ValueError`."""


class Decoder:
    """Reads items of `data`, one after the other."""

    __slots__ = ("at", "data", "depth", "start", "table")

    def __init__(self, data: bytes, table: ClassTable) -> None:
        """Begin; instances may be of the classes in `table`."""
        self.data = data
        self.table = table
        self.at = 0
        self.start = 0
        self.depth = 0
        if len(data) > VALUE_BYTES_MAX:
            self.fail(f"longer than {VALUE_BYTES_MAX} bytes")

    def fail(self, fault: str) -> NoReturn:
        """Say what is wrong with the latest item."""
        raise Malformed(f"malformed value: {fault} at byte {self.start}")

    def expected(self, what: str) -> NoReturn:
        """Say that the latest item is of another kind than it must be."""
        self.fail(f"{what} expected")

    def made(self, make: "Callable[..., Any]", *parts: Any, **named: Any) -> Any:
        """Make what Python may refuse to make of these parts."""
        try:
            return make(*parts, **named)
        except (MemoryError, ImportError, Malformed):
            raise
        except Exception as error:
            text = f"malformed value: Python makes no object of these parts at byte {self.start}"
            raise Malformed(f"{text}: {error}") from error

    def finish(self) -> None:
        """End: nothing may be left."""
        if self.at < len(self.data):
            self.start = self.at
            self.fail("there are bytes after the value")

    def value(self) -> Any:
        """Read the next value."""
        at = self.start = self.at
        try:
            initial = self.data[at]
        except IndexError:
            self.fail("the input ends too early")
        self.at = at + 1
        if initial < 24:
            return initial
        return _READERS[initial](self, initial)

    def argument(self, initial: int) -> int:
        """Read the argument that belongs to an initial byte."""
        info = initial & 31
        if info < 24:
            return info
        at = self.at
        try:
            if info == 24:
                argument, least, self.at = self.data[at], 24, at + 1
            elif info == 25:
                (argument,), least, self.at = _SHORT(self.data, at), 1 << 8, at + 2
            elif info == 26:
                (argument,), least, self.at = _WORD(self.data, at), 1 << 16, at + 4
            elif info == 27:
                (argument,), least, self.at = _LONG(self.data, at), 1 << 32, at + 8
            elif info == 31:
                self.fail("indefinite lengths are not used")
            else:
                self.fail(f"reserved initial byte `{initial:#04x}`")
        except (IndexError, _StructError):
            self.fail("the input ends too early")
        if argument < least:
            self.fail("not the shortest encoding")
        return int(argument)

    def begin(self, major: int, what: str) -> int:
        """Read the argument of an item that must be of this major type."""
        at = self.start = self.at
        try:
            initial = self.data[at]
        except IndexError:
            self.fail("the input ends too early")
        self.at = at + 1
        if initial >> 5 != major:
            # What is no item at all is called that first.
            self.argument(initial)
            self.expected(what)
        return self.argument(initial)

    def take(self, length: int) -> bytes:
        """Read so many bytes."""
        at = self.at
        end = at + length
        if end > len(self.data):
            self.promise(length)
        self.at = end
        return self.data[at:end]

    def promise(self, length: int) -> NoReturn:
        """Say that a length is more than there is."""
        self.fail(f"a length of {length} promises more than there is")

    def open(self, length: int, total: int) -> None:
        """Enter an array or map of `total` items; `close` leaves it."""
        if total > len(self.data) - self.at:
            self.promise(length)
        if self.depth >= DEPTH_MAX:
            self.fail(f"nested deeper than {DEPTH_MAX}")
        self.depth += 1

    def close(self) -> None:
        """Leave the innermost array or map."""
        self.depth -= 1

    def array(self) -> int:
        """Enter an array; its length."""
        length = self.begin(4, "an array")
        self.open(length, length)
        return length

    def array_of(self, length: int) -> None:
        """Enter an array of this length."""
        if self.array() != length:
            self.fail("an array has the wrong length")

    def mapping(self) -> int:
        """Enter a map; its length."""
        length = self.begin(5, "a map")
        self.open(length, 2 * length)
        return length

    def tag(self) -> int:
        """Read a tag."""
        return self.begin(6, "a tag")

    def byte_string(self) -> bytes:
        """Read a byte string."""
        return self.take(self.begin(2, "bytes"))

    def byte_view(self) -> memoryview:
        """Read a byte string without copying it."""
        length = self.begin(2, "bytes")
        at = self.at
        if at + length > len(self.data):
            self.promise(length)
        self.at = at + length
        return memoryview(self.data)[at : self.at]

    def text(self) -> str:
        """Read a str without lone surrogates."""
        return self.utf8(self.take(self.begin(3, "text")))

    def any_text(self) -> str:
        """Read any str."""
        if self.data[self.at : self.at + 1] in _TAGS:
            if self.tag() != tags.SURROGATE_TEXT:
                self.expected("text")
            return surrogate_text(self)
        return self.text()

    def utf8(self, data: bytes) -> str:
        """Decode a text string."""
        try:
            return data.decode()
        except UnicodeDecodeError:
            self.fail("text is not UTF-8")

    def truth(self) -> bool:
        """Read a bool."""
        found = self.value()
        if type(found) is not bool:
            self.expected("a bool")
        return found

    def int_64(self) -> int:
        """Read an int of 64 bits."""
        found = self.big()
        if not -(1 << 63) <= found < 1 << 63:
            self.expected("an int of 64 bits")
        return found

    def big(self) -> int:
        """Read an int of any size."""
        initial = self.data[self.at] if self.at < len(self.data) else 0
        if initial >> 5 not in {0, 1, 6}:
            self.value()
            self.expected("an int")
        if initial >> 5 == 6:
            if self.tag() not in {tags.BIGNUM, tags.BIGNUM_NEGATIVE}:
                self.expected("an int")
            self.at = self.start
        found = self.value()
        assert type(found) is int
        return found

    def small(self, least: int, most: int) -> int:
        """Read an int within bounds."""
        found = self.int_64()
        if not least <= found <= most:
            self.fail("an int is out of range")
        return found

    def real(self) -> float:
        """Read a float."""
        if self.data[self.at : self.at + 1] != _MARKS:
            self.value()
            self.expected("a float")
        found: float = self.value()
        return found

    def values(self) -> list[Any]:
        """Read an array of any values."""
        length = self.array()
        made = items(self, length)
        self.close()
        return made

    def entries(self) -> dict[Any, Any]:
        """Read a map of any values."""
        return pairs(self, self.mapping())

    def none(self) -> bool:
        """Whether None comes next; if so it is read."""
        if self.data[self.at : self.at + 1] != b"\xf6":
            return False
        self.start = self.at
        self.at += 1
        return True


_StructError = __import__("struct").error
_TAGS: Final = frozenset(bytes((byte,)) for byte in range(0xC0, 0xE0))


def items(decoder: Decoder, length: int) -> list[Any]:
    """Read the items of an array that has been entered."""
    data = decoder.data
    at = decoder.at
    if length >= _FLOATS_IN_BULK:
        if data[at] == 0xFB:
            end = at + 9 * length
            if data[at:end:9] == _MARKS * length and end <= len(data):
                return _run_of_floats(decoder, at, end)
        elif max(data[at : at + length]) < 24:
            decoder.at = at + length
            return list(data[at : at + length])
    value = decoder.value
    return [value() for _ in range(length)]


def _run_of_floats(decoder: Decoder, at: int, end: int) -> list[Any]:
    raw = bytearray((end - at) // 9 * 8)
    for byte in range(8):
        raw[byte::8] = decoder.data[at + 1 + byte : end : 9]
    numbers = array("d")
    numbers.frombytes(raw)
    if BYTES_ARE_REVERSED:
        numbers.byteswap()
    decoder.start = end - 9
    decoder.at = end
    return numbers.tolist()


def pairs(decoder: Decoder, length: int) -> dict[Any, Any]:
    """Read the entries of a map that has been entered, and leave it."""
    value = decoder.value
    made: dict[Any, Any] = {}
    for _ in range(length):
        key = value()
        try:
            made[key] = value()
        except TypeError as error:
            decoder.made(_raise, error)
    if len(made) != length:
        decoder.fail("an entry comes twice")
    decoder.close()
    return made


def _raise(error: Exception) -> NoReturn:
    raise error


def _unsigned(decoder: Decoder, initial: int) -> int:
    return decoder.argument(initial)


def _negative(decoder: Decoder, initial: int) -> int:
    return ~decoder.argument(initial)


def _bytes(decoder: Decoder, initial: int) -> bytes:
    return decoder.take(decoder.argument(initial))


def _text(decoder: Decoder, initial: int) -> str:
    return decoder.utf8(decoder.take(decoder.argument(initial)))


def _list(decoder: Decoder, initial: int) -> list[Any]:
    length = decoder.argument(initial)
    decoder.open(length, length)
    made = items(decoder, length)
    decoder.close()
    return made


def _dict(decoder: Decoder, initial: int) -> dict[Any, Any]:
    length = decoder.argument(initial)
    decoder.open(length, 2 * length)
    return pairs(decoder, length)


def _tagged(decoder: Decoder, initial: int) -> Any:
    tag = decoder.argument(initial)
    read = TAGGED.get(tag)
    if read is None:
        decoder.fail(f"unknown tag {tag}")
    return read(decoder)


def _simple(decoder: Decoder, initial: int) -> Any:
    info = initial & 31
    if info in {25, 26}:
        decoder.fail("floats take eight bytes")
    if info > 27:
        decoder.argument(initial)
    if info == 24:
        if decoder.at >= len(decoder.data):
            decoder.fail("the input ends too early")
        info = decoder.data[decoder.at]
    decoder.fail(f"simple value {info} has no meaning here")


def _none(decoder: Decoder, initial: int) -> None:
    del decoder, initial


def _true(decoder: Decoder, initial: int) -> bool:
    del decoder, initial
    return True


def _false(decoder: Decoder, initial: int) -> bool:
    del decoder, initial
    return False


def _float(decoder: Decoder, initial: int) -> Any:
    del initial
    at = decoder.at
    decoder.at = at + 8
    try:
        return _FLOAT(decoder.data, at)[0]
    except _StructError:
        decoder.fail("the input ends too early")


def _by_initial() -> "tuple[Callable[[Decoder, int], Any], ...]":
    majors = (_unsigned, _negative, _bytes, _text, _list, _dict, _tagged, _simple)
    table: list[Any] = [majors[initial >> 5] for initial in range(256)]
    table[0xF4:0xF7] = [_false, _true, _none]
    table[0xFB] = _float
    return tuple(table)


_READERS: Final = _by_initial()


def _magnitude(decoder: Decoder) -> int:
    data = decoder.byte_string()
    if len(data) > INT_BYTES_MAX:
        decoder.fail(f"an int has {len(data)} bytes, which is too many")
    if len(data) <= 8 or data[0] == 0:
        decoder.fail("not the shortest encoding")
    return int.from_bytes(data, "big")


def _bignum(decoder: Decoder) -> int:
    return _magnitude(decoder)


def _bignum_negative(decoder: Decoder) -> int:
    return ~_magnitude(decoder)


def surrogate_text(decoder: Decoder) -> str:
    """Read the str after its tag."""
    data = decoder.byte_string()
    try:
        text = data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        decoder.fail("text is not UTF-8")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text
    return decoder.fail("not the shortest encoding")


def _tuple(decoder: Decoder) -> tuple[Any, ...]:
    return tuple(decoder.values())


TAGGED: "dict[int, Callable[[Decoder], Any]]" = {
    tags.BIGNUM: _bignum,
    tags.BIGNUM_NEGATIVE: _bignum_negative,
    tags.SURROGATE_TEXT: surrogate_text,
    tags.TUPLE: _tuple,
}
"""What reads the content of each tag. `decode_library` and `decode_classes` add theirs."""


def decode(data: bytes, table: ClassTable = EMPTY) -> Any:
    """Decode one value. Raises `ValueError` if `data` is not one."""
    decoder = Decoder(data, table)
    try:
        value = decoder.value()
        decoder.finish()
    except Malformed as error:
        raise ValueError(str(error)) from error.__cause__
    return value
