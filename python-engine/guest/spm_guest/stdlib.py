"""Which modules of the standard library tasks have, and why not the others.

Every name of `sys.stdlib_module_names` is in exactly one place: `ABSENT`, with the reason that users
are told, or offered. What is offered is imported into the image, packages with their submodules, so
that an import costs a task nothing.
"""

import importlib
import importlib.abc
import pkgutil
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.machinery import ModuleSpec

_PROCESS: Final = "a task has no processes, threads or signals of an operating system"
_NETWORK: Final = "a task has no network"
_SCREEN: Final = "a task has no display or terminal"
_NATIVE: Final = "the sandbox's Python is built without the library that it takes"
_WINDOWS: Final = "it is for Windows, and a task runs in WebAssembly"
_OTHER: Final = "it belongs to another operating system"
_INSTALLS: Final = "nothing can be installed inside a task"
_HOST: Final = "it describes users and settings of an operating system, and a task has none"
_INTERPRETERS: Final = "the sandbox has one interpreter"
_UNSAFE: Final = "machine code and addresses mean nothing inside WebAssembly"
_GIVEN_UP: Final = "Python has given it up"
_JOKE: Final = "it opens a browser or prints when it is imported"

ABSENT: Final[dict[str, str]] = {
    "_bz2": _NATIVE,
    "_ctypes": _UNSAFE,
    "_curses": _SCREEN,
    "_curses_panel": _SCREEN,
    "_dbm": _NATIVE,
    "_gdbm": _NATIVE,
    "_hashlib": _NATIVE,
    "_interpchannels": _INTERPRETERS,
    "_interpqueues": _INTERPRETERS,
    "_interpreters": _INTERPRETERS,
    "_lzma": _NATIVE,
    "_multiprocessing": _PROCESS,
    "_overlapped": _WINDOWS,
    "_posixshmem": _PROCESS,
    "_posixsubprocess": _PROCESS,
    "_remote_debugging": _PROCESS,
    "_scproxy": _OTHER,
    "_ssl": _NETWORK,
    "_tkinter": _SCREEN,
    "_uuid": _NATIVE,
    "_winapi": _WINDOWS,
    "_wmi": _WINDOWS,
    "_zstd": _NATIVE,
    "antigravity": _JOKE,
    "bz2": _NATIVE,
    "ctypes": _UNSAFE,
    "curses": _SCREEN,
    "ensurepip": _INSTALLS,
    "fcntl": _PROCESS,
    "grp": _HOST,
    "idlelib": _SCREEN,
    "lzma": _NATIVE,
    "mmap": _PROCESS,
    "msvcrt": _WINDOWS,
    "nt": _WINDOWS,
    "pty": _SCREEN,
    "pwd": _HOST,
    "readline": _SCREEN,
    "resource": _PROCESS,
    "ssl": _NETWORK,
    "syslog": _HOST,
    "termios": _SCREEN,
    "this": _JOKE,
    "tkinter": _SCREEN,
    "tty": _SCREEN,
    "turtle": _SCREEN,
    "turtledemo": _SCREEN,
    "venv": _INSTALLS,
    "winreg": _WINDOWS,
    "winsound": _WINDOWS,
    # Of Pythons other than the sandbox's; submitters may have them.
    "_bootsubprocess": _GIVEN_UP,
    "_compression": _GIVEN_UP,
    "_crypt": _NATIVE,
    "_msi": _WINDOWS,
    "_posixshm": _PROCESS,
    "_sha256": _GIVEN_UP,
    "_sha512": _GIVEN_UP,
    "_xxinterpchannels": _INTERPRETERS,
    "_xxsubinterpreters": _INTERPRETERS,
    "aifc": _GIVEN_UP,
    "asynchat": _GIVEN_UP,
    "asyncore": _GIVEN_UP,
    "audioop": _GIVEN_UP,
    "cgi": _GIVEN_UP,
    "cgitb": _GIVEN_UP,
    "chunk": _GIVEN_UP,
    "crypt": _GIVEN_UP,
    "distutils": _GIVEN_UP,
    "imghdr": _GIVEN_UP,
    "imp": _GIVEN_UP,
    "lib2to3": _GIVEN_UP,
    "mailcap": _GIVEN_UP,
    "msilib": _GIVEN_UP,
    "nis": _GIVEN_UP,
    "nntplib": _GIVEN_UP,
    "ossaudiodev": _GIVEN_UP,
    "pipes": _GIVEN_UP,
    "smtpd": _GIVEN_UP,
    "sndhdr": _GIVEN_UP,
    "spwd": _GIVEN_UP,
    "sunau": _GIVEN_UP,
    "telnetlib": _GIVEN_UP,
    "uu": _GIVEN_UP,
    "xdrlib": _GIVEN_UP,
}

# Submodules that are absent although their package is there.
_ABSENT_WITHIN: Final = {
    "asyncio.windows_events": _WINDOWS,
    "asyncio.windows_utils": _WINDOWS,
    "compression.bz2": _NATIVE,
    "compression.lzma": _NATIVE,
    "compression.zstd": _NATIVE,
    "concurrent.interpreters": _INTERPRETERS,
    "dbm.gnu": _NATIVE,
    "dbm.ndbm": _NATIVE,
    "encodings.mbcs": _WINDOWS,
    "encodings.oem": _WINDOWS,
    "multiprocessing.popen_fork": _PROCESS,
    "multiprocessing.popen_forkserver": _PROCESS,
    "multiprocessing.popen_spawn_posix": _PROCESS,
    "multiprocessing.popen_spawn_win32": _WINDOWS,
}

# Their import does something: they run, or speak to a terminal.
_NOT_IMPORTED: Final = ("__main__", "idlelib", "test", "_pyrepl", "_ios_support")

# Another system's support of this one's standard library: nobody imports it, and it complains.
_ALONE: Final = {"_ios_support", "_android_support", "_apple_support"}

_ADVICE: Final = "move what needs it to the submitter's side"


def offered() -> "Iterator[str]":
    """List the modules that tasks have, packages before what is in them."""
    for name in sorted(sys.stdlib_module_names - ABSENT.keys() - _ALONE):
        yield name
    for name in sorted(sys.stdlib_module_names - ABSENT.keys() - set(_NOT_IMPORTED)):
        path = getattr(sys.modules.get(name), "__path__", None)
        if path is not None:
            for found in pkgutil.walk_packages(path, f"{name}.", onerror=lambda _: None):
                last = found.name.rpartition(".")[2]
                if (
                    last not in _NOT_IMPORTED
                    and not last.startswith("test")
                    and found.name not in _ABSENT_WITHIN
                ):
                    yield found.name


def import_all() -> list[str]:
    """Import what is offered. Returns the names that the build's Python does not have."""
    failed = []
    for name in offered():
        try:
            importlib.import_module(name)
        except ImportError:
            failed.append(name)
    return failed


class _Explainer(importlib.abc.MetaPathFinder):
    """Says why a module is not there. Last of the finders."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> "ModuleSpec | None":
        """Raise the error that explains, for modules that someone may expect."""
        del path, target
        top = fullname.partition(".")[0]
        why = _ABSENT_WITHIN.get(fullname) or ABSENT.get(top)
        if why is None:
            if top in sys.stdlib_module_names or fullname != top:
                return None
            text = (
                f"No module named {fullname!r} inside the sandbox: it is not of the standard "
                f"library and did not travel with the closure; if it is pure Python, "
                f'add include=["{top}"]'
            )
        else:
            text = f"No module named {fullname!r} inside the sandbox: {why}; {_ADVICE}"
        raise ModuleNotFoundError(text, name=fullname)


EXPLAINER: Final = _Explainer()
