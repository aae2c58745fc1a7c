"""What hosts refuse at the sequence point, and what the submitter is told."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import wasmtime

import spm
from spm._runtime import host_program
from spm._specialise import Specialisation

SOCKETS = wasmtime.wat2wasm("""
    (component
        (import "spm:elsewhere/sockets@1.0.0" (instance (export "open" (func))))
    )
""")


@spm.wasm_closure
def twice(x: int) -> int:
    return 2 * x


Sent = Callable[[Callable[[bytes], bytes]], None]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """Changes components on their way out, as a hostile submitter would."""

    def change(how: Callable[[bytes], bytes]) -> None:
        original = Specialisation.component_bytes.fget
        assert original is not None
        changed = property(lambda self: how(original(self)))
        monkeypatch.setattr(Specialisation, "component_bytes", changed)

    return change


def refusal(pool: spm.Pool) -> spm.ClosureRefused:
    with pytest.raises(spm.ClosureRefused) as caught:
        pool.submit(twice, 1).result(timeout=60)
    return caught.value


def test_a_forbidden_import_is_named(parallel: spm.Pool, sent: Sent) -> None:
    sent(lambda _component: bytes(SOCKETS))
    error = refusal(parallel)
    assert len(error.reasons) == 2, "one reason for each host"
    for reason in error.reasons.values():
        assert "forbidden import `spm:elsewhere/sockets@1.0.0`" in str(reason)


def test_a_component_that_was_cut_is_refused(parallel: spm.Pool, sent: Sent) -> None:
    sent(lambda component: component[: len(component) // 2])
    for reason in refusal(parallel).reasons.values():
        assert "not valid WebAssembly" in str(reason)


def test_a_refusal_harms_no_other_closure(parallel: spm.Pool, sent: Sent) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Specialisation, "component_bytes", property(lambda _self: bytes(SOCKETS)))
        refusal(parallel)

    @spm.wasm_closure
    def thrice(x: int) -> int:
        return 3 * x

    assert parallel.submit(thrice, 2).result(timeout=60) == 6


@contextmanager
def running_host(folder: Path, *options: str) -> Iterator[str]:
    """The address of an `spm-host` with these options."""
    command = [
        host_program(), "run", "--listen", "/ip4/127.0.0.1/tcp/0", "--slots", "1",
        "--state-dir", str(folder), "--exit-with-stdin", *options,
    ]  # fmt: skip
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as host:
        assert host.stdout is not None
        assert host.stdin is not None
        yield host.stdout.readline().removeprefix("ready ").strip()
        host.stdin.close()


def test_too_much_memory_is_refused_with_both_numbers(tmp_path: Path) -> None:
    key = str(tmp_path / "key")
    options = ("--allow", spm.identity(key), "--memory-mib", "64")

    @spm.wasm_closure(memory_mib=128)
    def roomy(x: int) -> int:
        return x

    with running_host(tmp_path / "host", *options) as address:
        with spm.connect(address, key=key) as pool:
            with pytest.raises(spm.ClosureRefused) as caught:
                pool.submit(roomy, 1).result(timeout=60)
    (reason,) = caught.value.reasons.values()
    assert "128 MiB" in str(reason)
    assert "64 MiB" in str(reason)


def refused(folder: Path, engine: str, *options: str) -> str:
    """What one host with these options says of a closure of `engine`."""
    key = str(folder / "key")

    @spm.wasm_closure(engine=engine)
    def same(x: int) -> int:
        return x

    with running_host(folder / "host", "--allow", spm.identity(key), *options) as address:
        with spm.connect(address, key=key) as pool:
            with pytest.raises(spm.ClosureRefused) as caught:
                pool.submit(same, 1).result(timeout=200)
    (reason,) = caught.value.reasons.values()
    return str(reason)


@pytest.mark.timeout(900)
def test_a_runtime_that_is_not_there_and_may_not_be_fetched(tmp_path: Path) -> None:
    said = refused(tmp_path, "scientific", "--no-fetch")
    assert "the runtime of engine `scientific` (" in said
    assert said.endswith("is not on this host, and it fetches none")
    empty = tmp_path / "empty"
    empty.mkdir()
    said = refused(tmp_path, "python", "--no-fetch", "--engines", str(empty))
    assert "the runtime of engine `python` (" in said


@pytest.mark.timeout(900)
def test_a_runtime_travels_once(tmp_path: Path) -> None:
    key = str(tmp_path / "key")
    (tmp_path / "empty").mkdir()
    options = ("--allow", spm.identity(key), "--engines", str(tmp_path / "empty"))

    @spm.wasm_closure(engine="python")
    def same(x: int) -> int:
        return x

    # What was fetched the first time is there the second time.
    for more in ((), ("--no-fetch",)):
        with running_host(tmp_path / "host", *options, *more) as address:
            with spm.connect(address, key=key) as pool:
                assert pool.submit(same, 1).result(timeout=300) == 1
        (kept,) = (tmp_path / "host/runtimes").iterdir()
        assert kept.stat().st_size == len(same.component())


def test_an_engine_that_is_not_offered(tmp_path: Path) -> None:
    said = refused(tmp_path, "python", "--engine", "native", "--engine", "guest")
    assert "engine `python` is not offered by this host" in said


def test_a_host_that_allows_nobody_refuses(tmp_path: Path) -> None:
    with running_host(tmp_path / "host") as address:
        with pytest.raises((spm.MeshError, spm.ClosureRefused)) as caught:
            with spm.connect(address, key=str(tmp_path / "key")) as pool:
                pool.submit(twice, 1).result(timeout=60)
    assert "--allow" in str(caught.value)


def test_a_damaged_cache_is_made_again_and_not_run(tmp_path: Path) -> None:
    key = str(tmp_path / "key")
    folder = tmp_path / "host"
    kept = ()
    for damage in (False, True):
        if damage:
            kept = [
                path for path in folder.rglob("*") if path.is_file() and path.stat().st_size > 1024
            ]
            assert kept, "compiled code is kept"
            for path in kept:
                data = bytearray(path.read_bytes())
                data[len(data) // 2] ^= 1
                path.write_bytes(data)
            damaged = {path: path.read_bytes() for path in kept}
        with running_host(folder, "--allow", spm.identity(key)) as address:
            with spm.connect(address, key=key) as pool:
                assert pool.submit(twice, 21).result(timeout=60) == 42
    assert any(path.read_bytes() != damaged[path] for path in kept)
