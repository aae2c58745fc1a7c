"""Writes the record of an exception: `protocol/src/raised.rs` says what is in it."""

import builtins
from typing import Any, Final

from .classes import ClassTable
from .encode import encode, head, int_item, text_item
from .frames import frames_of
from .limits import RAISED_BYTES_MAX, RAISED_DEPTH_MAX, RAISED_RECORDS_MAX

CLASS_TABLE_BASE: Final = 1000

# The order is that of the protocol; append only. This Python may lack some of them.
BUILTIN_EXCEPTIONS: Final = (
    "BaseException Exception ArithmeticError AssertionError AttributeError BaseExceptionGroup "
    "BlockingIOError BrokenPipeError BufferError BytesWarning ChildProcessError "
    "ConnectionAbortedError ConnectionError ConnectionRefusedError ConnectionResetError "
    "DeprecationWarning EOFError EncodingWarning ExceptionGroup FileExistsError "
    "FileNotFoundError FloatingPointError FutureWarning GeneratorExit ImportError ImportWarning "
    "IndentationError IndexError InterruptedError IsADirectoryError KeyError KeyboardInterrupt "
    "LookupError MemoryError ModuleNotFoundError NameError NotADirectoryError "
    "NotImplementedError OSError OverflowError PendingDeprecationWarning PermissionError "
    "ProcessLookupError RecursionError ReferenceError ResourceWarning RuntimeError "
    "RuntimeWarning StopAsyncIteration StopIteration SyntaxError SyntaxWarning SystemError "
    "SystemExit TabError TimeoutError TypeError UnboundLocalError UnicodeDecodeError "
    "UnicodeEncodeError UnicodeError UnicodeTranslateError UnicodeWarning UserWarning ValueError "
    "Warning ZeroDivisionError PythonFinalizationError"
).split()

_BUILTIN_INDEX: Final = {
    getattr(builtins, name): index
    for index, name in enumerate(BUILTIN_EXCEPTIONS)
    if hasattr(builtins, name)
}

# What a builtin exception knows besides its arguments. (`AttributeError.obj` is whatever the
# attribute was looked for in; it stays.)
_FIELDS: Final = (
    (OSError, ("filename", "filename2")),
    (ImportError, ("name", "path")),
    (AttributeError, ("name",)),
    (NameError, ("name",)),
)

# Long texts are cut to so many characters when a record would be too long.
_CUT: Final = 2000


class _TooLong(Exception):
    """The record, with all there is to say, is longer than it may be."""


class _Record:
    """One record under construction, with all exceptions it leads to."""

    def __init__(self, table: ClassTable, *, brief: bool) -> None:
        self.table = table
        self.brief = brief
        self.seen: set[int] = set()
        self.records_left = RAISED_RECORDS_MAX
        self.bytes_left = RAISED_BYTES_MAX

    def write(self, error: BaseException, depth: int) -> bytes:
        self.records_left -= 1
        self.seen.add(id(error))
        notes: list[str] = []
        entries: list[tuple[int, bytes]] = [(0, self._class(type(error), notes))]
        entries.append((1, self._arguments(error, notes)))
        state = self._state(error, notes)
        if state:
            entries.append((2, state))
        own_notes = getattr(error, "__notes__", None)
        if isinstance(own_notes, list | tuple):
            notes[:0] = [note if type(note) is str else _text(note) for note in own_notes]
        members = b""
        if isinstance(error, BaseExceptionGroup):
            members = self._members(error, notes, depth)
        chained = [
            (key, self._chained(each, depth))
            for key, each in ((4, error.__cause__), (5, error.__context__))
        ]
        if notes:
            texts = b"".join(text_item(self._cut(_valid(note))) for note in notes)
            entries.append((3, head(0x80, len(notes)) + texts))
        entries.extend((key, record) for key, record in chained if record)
        if error.__suppress_context__:
            entries.append((6, b"\xf5"))
        if members:
            entries.append((7, members))
        entries.extend(self._frames(error))
        if error.__cause__ is not None and error.__cause__ is error.__context__:
            entries.append((11, b"\xf5"))
        record = head(0xA0, len(entries)) + b"".join(
            int_item(key) + encoded for key, encoded in entries
        )
        # What is chained has been counted.
        own = len(record) - len(members) - sum(len(each) for _, each in chained)
        self.bytes_left -= own
        if self.bytes_left < 0 and not self.brief:
            raise _TooLong
        return record

    def _class(self, kind: type[BaseException], notes: list[str]) -> bytes:
        for base in kind.__mro__:
            index = self.table.index.get(base)
            number = _BUILTIN_INDEX.get(base) if index is None else CLASS_TABLE_BASE + index
            if number is not None:
                if base is not kind:
                    notes.append(
                        f"the task raised `{kind.__module__}.{kind.__qualname__}`, "
                        "which the closure does not refer to; this is its base"
                    )
                return int_item(number)
        raise AssertionError("every exception derives from BaseException")

    def _is_told_by_its_class(self, error: BaseException) -> bool:
        """Whether a class that does not cross, or one of its own bases, words the message."""
        for base in type(error).__mro__:
            if base in self.table.index or base in _BUILTIN_INDEX:
                return False
            if "__str__" in vars(base):
                return True
        return False

    def _arguments(self, error: BaseException, notes: list[str]) -> bytes:
        arguments = error.args
        if isinstance(error, BaseExceptionGroup):
            arguments = (error.message,)
        elif self._is_told_by_its_class(error):
            # Its base shows arguments in another way than this does: what it says is kept.
            arguments = (str(error),)
        return head(0x80, len(arguments)) + b"".join(
            self._value(argument, f"argument {number} of the exception", notes)
            for number, argument in enumerate(arguments, 1)
        )

    def _state(self, error: BaseException, notes: list[str]) -> bytes:
        state: dict[str, Any] = {}
        for kind, names in _FIELDS:
            if isinstance(error, kind):
                for name in names:
                    value = getattr(error, name, None)
                    if value is not None:
                        state[name] = value
        own = getattr(error, "__dict__", None)
        if own:
            state.update((name, value) for name, value in own.items() if name != "__notes__")
        if not state:
            return b""
        return head(0xA0, len(state)) + b"".join(
            text_item(str(name)) + self._value(value, f"`{name}` of the exception", notes)
            for name, value in state.items()
        )

    def _value(self, value: Any, what: str, notes: list[str]) -> bytes:
        try:
            encoded = encode(value, self.table, what)
        except TypeError as refusal:
            notes.append(f"{refusal}; its `repr` stands in its place")
            return text_item(self._cut(_text(value)))
        if self.brief and len(encoded) > _CUT:
            notes.append(f"{what} is too long; the beginning of its `repr` stands in its place")
            return text_item(self._cut(_text(value)))
        return encoded

    def _cut(self, text: str) -> str:
        return text[:_CUT] if self.brief else text

    def _chained(self, error: BaseException | None, depth: int) -> bytes:
        """Write a cause or context, unless it has been written already or there is no room."""
        if error is None or id(error) in self.seen:
            return b""
        if depth >= RAISED_DEPTH_MAX or self.records_left <= 0 or self.bytes_left < 16 * _CUT:
            return b""
        return self.write(error, depth + 1)

    def _members(self, error: "BaseExceptionGroup[Any]", notes: list[str], depth: int) -> bytes:
        written: list[bytes] = []
        for member in error.exceptions:
            if depth >= RAISED_DEPTH_MAX or self.records_left <= 0 or self.bytes_left < 16 * _CUT:
                notes.append(f"{len(error.exceptions) - len(written)} further members are left out")
                break
            written.append(self.write(member, depth + 1))
        return head(0x80, len(written)) + b"".join(written)

    def _frames(self, error: BaseException) -> list[tuple[int, bytes]]:
        frames, left_out = frames_of(error.__traceback__)
        if self.brief and len(frames) > 64:
            left_out += len(frames) - 64
            frames = frames[:32] + frames[-32:]
        if not frames:
            return []
        entries = [(8, head(0x80, len(frames)) + b"".join(map(_frame, frames)))]
        if left_out:
            entries.append((10, int_item(left_out)))
        return entries


def _frame(frame: list[int | str]) -> bytes:
    return head(0x80, len(frame)) + b"".join(
        int_item(part) if isinstance(part, int) else text_item(_valid(part)) for part in frame
    )


def _valid(text: str) -> str:
    """Make text of what may hold lone surrogates, which records cannot."""
    return text.encode("utf-8", "backslashreplace").decode()


def _text(value: Any) -> str:
    try:
        return str.__str__(repr(value))
    except Exception:  # noqa: BLE001
        return f"<a `{type(value).__qualname__}` whose `repr` fails>"


def record(error: BaseException, table: ClassTable) -> bytes:
    """Write the record of `error`."""
    try:
        return _Record(table, brief=False).write(error, 0)
    except _TooLong:
        return _Record(table, brief=True).write(error, 0)
