"""Whole modules that travel with a closure: an import finder over the payload's sources."""

import importlib.abc
import importlib.machinery
import io
import sys
import zipfile
from typing import TYPE_CHECKING, Any, Final

from .sources import unwarned, whole

if TYPE_CHECKING:
    from types import CodeType, ModuleType

_sources: dict[str, tuple[str, bool, str]] = {}
_resources: dict[str, dict[str, bytes]] = {}


def add(sources: "dict[str, list[Any]]", resources: "dict[str, dict[str, bytes]]") -> None:
    """Make modules importable. They run when they are first imported."""
    for name, (file, is_package, text) in sources.items():
        _sources[name] = (file, is_package, text)
        whole[file] = text
    _resources.update(resources)
    if FINDER not in sys.meta_path:
        sys.meta_path.insert(0, FINDER)


def forget() -> None:
    """Forget all shipped modules."""
    _sources.clear()
    _resources.clear()


class _Finder(importlib.abc.MetaPathFinder):
    """Finds shipped modules, before anything else: they are what the submitter has."""

    def find_spec(
        self, fullname: str, path: Any = None, target: Any = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Describe the module if it is shipped."""
        del path, target
        found = _sources.get(fullname)
        if found is None:
            return None
        file, is_package, _ = found
        spec = importlib.machinery.ModuleSpec(
            fullname, _Loader(fullname), origin=file, is_package=is_package
        )
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations = [_folder(file)]
        return spec


def _folder(file: str) -> str:
    return file.replace("\\", "/").rpartition("/")[0]


class _Loader(importlib.abc.InspectLoader):
    """Loads one shipped module."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get_filename(self, fullname: str) -> str:
        return _sources[fullname][0]

    def get_source(self, fullname: str) -> str:
        return _sources[fullname][2]

    def is_package(self, fullname: str) -> bool:
        return _sources[fullname][1]

    def get_code(self, fullname: str) -> "CodeType":
        file, _, text = _sources[fullname]
        with unwarned():
            return compile(text, file, "exec", dont_inherit=True)

    def exec_module(self, module: "ModuleType") -> None:
        exec(self.get_code(self.name), module.__dict__)

    def get_data(self, path: str) -> bytes:
        """Read a data file of a package; `pkgutil.get_data` asks for it by its path."""
        path = path.replace("\\", "/")
        for package, files in _resources.items():
            found = _sources.get(package)
            if found is not None:
                folder = _folder(found[0]) + "/"
                data = files.get(path.removeprefix(folder))
                if path.startswith(folder) and data is not None:
                    return data
        raise FileNotFoundError(2, "No such file or directory", path)

    def get_resource_reader(self, fullname: str) -> "_Reader | None":
        return _Reader(fullname) if self.is_package(fullname) else None


class _Reader:
    """Data files of a package, for `importlib.resources`."""

    def __init__(self, package: str) -> None:
        self.package = package

    def files(self) -> zipfile.Path:
        """Show them as a folder: an archive in memory has all that takes."""
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            for name, content in _resources.get(self.package, {}).items():
                # A date of one's own: the clock may not be granted.
                archive.writestr(zipfile.ZipInfo(name), content)
        return zipfile.Path(zipfile.ZipFile(data))


FINDER: Final = _Finder()
