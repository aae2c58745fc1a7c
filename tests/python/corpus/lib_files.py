"""io, pathlib, pickle, marshal, copyreg, logging, os.path, tempfile names, print."""

import copyreg
import io
import logging
import marshal
import ntpath
import os
import pathlib
import pickle
import posixpath
from pathlib import PurePath, PurePosixPath, PureWindowsPath

from corpus import case


@case(("line one\nline two\r\nlast",))
def text_in_memory(text):
    file = io.StringIO(text, newline=None)
    first = file.readline()
    position = file.tell()
    rest = file.readlines()
    file.seek(0)
    with file:
        every = [line.rstrip() for line in file]
    return first, position, rest, every, file.closed


@case((b"0123456789",))
def bytes_in_memory(data):
    file = io.BytesIO(data)
    file.seek(-3, io.SEEK_END)
    end = file.read()
    file.seek(2)
    file.write(b"ab")
    file.truncate(6)
    buffer = bytearray(3)
    file.seek(1)
    count = file.readinto(buffer)
    return end, file.getvalue(), count, buffer, bytes(file.getbuffer()[:2]), file.tell()


@case()
def a_closed_file():
    file = io.StringIO()
    file.close()
    file.write("late")


@case()
def what_a_file_refuses():
    seen = []
    for call in (
        lambda: io.StringIO().write(b"x"),
        lambda: io.BytesIO().write("x"),
        lambda: io.BytesIO().seek(-1),
        lambda: io.BufferedReader(io.BytesIO()).fileno(),
    ):
        try:
            call()
        except (TypeError, ValueError, OSError) as error:
            seen.append(type(error).__name__)
    return seen


@case((b"\xc3\xa9\r\nx\n",))
def layers_of_files(data):
    raw = io.BytesIO(data)
    text = io.TextIOWrapper(io.BufferedReader(raw), encoding="utf-8", newline="")
    lines = text.readlines()
    out = io.BytesIO()
    writer = io.TextIOWrapper(out, encoding="utf-16-le", newline="\r\n", write_through=True)
    print("a", "b", sep="|", end="\n", file=writer)
    writer.flush()
    return lines, text.encoding, out.getvalue()


class Upper(io.RawIOBase):
    def __init__(self, data):
        self.data = data

    def readable(self):
        return True

    def readinto(self, buffer):
        part, self.data = self.data[: len(buffer)], self.data[len(buffer) :]
        buffer[: len(part)] = part.upper()
        return len(part)


@case((b"shout\nit\n",))
def a_file_of_ones_own(data):
    return io.BufferedReader(Upper(data), buffer_size=4).readlines(), Upper(data).read(3)


@case(
    (PurePosixPath("a/b/../c.tar.gz"), "x"),
    (PurePosixPath("/"), "y/z"),
    (PureWindowsPath("C:\\d\\e.txt"), "f"),
)
def pure_paths(path, other):
    return (
        path / other,
        path.parent,
        path.name,
        path.stem,
        path.suffix,
        path.suffixes,
        path.parts,
        path.is_absolute(),
        path.with_suffix(".md") if path.name else None,
        path.as_posix(),
        path.match("*.gz"),
        str(path),
    )


@case(("/a/b/c", "/a"), ("/a", "/b"))
def relative_paths(path, base):
    try:
        return PurePosixPath(path).relative_to(base).parts
    except ValueError as error:
        return str(error).startswith(f"{path!r} is not in the subpath of {base!r}")


@case()
def paths_compare_and_hash():
    return (
        PurePosixPath("a//b/.") == PurePosixPath("a/b"),
        PureWindowsPath("A") == PureWindowsPath("a"),
        sorted([PurePosixPath("b"), PurePosixPath("a")]),
        {PurePosixPath("x"): 1},
        PurePosixPath("a").joinpath("/b"),
        PurePath("q").name,
    )


@case(("no/such/file.txt",))
def a_file_that_is_not_there(name):
    try:
        with open(name) as file:
            return file.read()
    except FileNotFoundError as error:
        return error.filename, error.strerror


@case(("no/such/folder",))
def paths_that_are_not_there(name):
    path = pathlib.Path(name)
    try:
        path.read_text()
    except FileNotFoundError as error:
        return path.exists(), path.is_dir(), error.filename


@case(("/usr//lib/../bin/x.py",), ("",), ("rel/./p",))
def path_functions(path):
    return (
        posixpath.normpath(path),
        posixpath.split(path),
        posixpath.splitext(path),
        posixpath.basename(path),
        posixpath.join("/r", path, "e"),
        ntpath.join("c:\\", "x"),
        ntpath.splitdrive("c:\\y"),
        os.fspath(PurePosixPath("a")),
        posixpath.commonprefix([path, "/usr"]),
    )


class Saved:
    def __init__(self, value):
        self.value = value
        self.open = lambda: None

    def __getstate__(self):
        return {"value": self.value}

    def __setstate__(self, state):
        self.value = state["value"] + 1


class Reduced:
    def __init__(self, a, b):
        self.a, self.b = a, b

    def __reduce__(self):
        return (Reduced, (self.b, self.a))

    def __eq__(self, other):
        return (self.a, self.b) == (other.a, other.b)

    __hash__ = None


@case(([1, 2.5, "x", None, {"k": (True, b"b")}, {3}, range(3), 1j],))
def pickling_within_a_task(value):
    shared = [value, value]
    copied = pickle.loads(pickle.dumps(shared))
    return (
        copied == shared,
        copied[0] is copied[1],
        [pickle.loads(pickle.dumps(value, protocol)) == value for protocol in range(6)],
    )


@case((5,))
def pickling_instances_within_a_task(n):
    saved = pickle.loads(pickle.dumps(Saved(n)))
    return (
        saved.value,
        hasattr(saved, "open"),
        pickle.loads(pickle.dumps(Reduced(1, 2))) == Reduced(2, 1),
        pickle.loads(pickle.dumps(Reduced)) is Reduced,
    )


@case()
def pickling_refuses_lambdas():
    try:
        pickle.dumps(lambda: 1)
    except (pickle.PicklingError, AttributeError) as error:
        return isinstance(error, Exception)


@case((b"\x80\x04garbage",), (b"",))
def unpickling_refuses(data):
    try:
        return pickle.loads(data)
    except (pickle.UnpicklingError, EOFError, ValueError) as error:
        return isinstance(error, Exception)


class Guarded(pickle.Unpickler):
    def find_class(self, module, name):
        raise PermissionError(f"{module}.{name}")


@case()
def a_guarded_unpickler():
    return Guarded(io.BytesIO(pickle.dumps(Reduced(1, 2), protocol=4))).load()


@case()
def reducers_by_class():
    class Local:
        def __init__(self, n):
            self.n = n

    table = {Local: lambda local: (int, (local.n,))}
    out = io.BytesIO()
    pickler = pickle.Pickler(out)
    pickler.dispatch_table = table
    pickler.dump([Local(4)])
    return pickle.loads(out.getvalue()), callable(copyreg.__newobj__)


@case(([1, "x", (2.5, None), {"a": b"b"}],))
def marshalling(value):
    code = compile("6 * 7", "<m>", "eval")
    return marshal.loads(marshal.dumps(value)), eval(marshal.loads(marshal.dumps(code)))


class ListHandler(logging.Handler):
    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(self.format(record))


@case((logging.INFO,), (logging.ERROR,))
def logging_to_a_handler(level):
    logger = logging.Logger("corpus.local", level)
    handler = ListHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s:%(name)s:%(message)s"))
    logger.addHandler(handler)
    logger.debug("not seen")
    logger.info("value %d of %s", 3, "x")
    logger.warning("careful", extra={"k": 1})
    try:
        raise ValueError("v")
    except ValueError:
        logger.exception("failed")
    return (
        [line.splitlines()[0] for line in handler.lines],
        handler.lines[-1].splitlines()[-1],
        logger.isEnabledFor(20),
    )


@case()
def filters_and_levels_of_logging():
    logger = logging.Logger("corpus.filtered")
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.addFilter(lambda record: "secret" not in record.getMessage())
    logger.addHandler(handler)
    logger.error("open")
    logger.error("secret")
    logger.log(35, "between")
    return out.getvalue(), logging.getLevelName(30), logging.getLevelName("ERROR")


@case(("to a file",))
def print_to_a_file(text):
    out = io.StringIO()
    print(text, 1, None, sep="-", end="!\n", file=out, flush=True)
    print(file=out)
    return out.getvalue()


@case((3,))
def print_and_return(n):
    for i in range(n):
        print("line", i)
    return n
