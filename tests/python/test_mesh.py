"""Pools of real `spm-host` processes, joined by address: who is trusted, and who is not."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import spm
from spm._runtime import host_program

STRANGER = "12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5"


@spm.wasm_closure
def double(x: int) -> int:
    return 2 * x


@spm.wasm_closure
def square_all(items: list[int]) -> list[int]:
    return [item * item for item in items]


class RunningHost:
    """An `spm-host run`, and where it listens."""

    def __init__(
        self, folder: Path, *allowed: str, slots: int = 2, listen: str = "/ip4/127.0.0.1/tcp/0"
    ) -> None:
        allow = [text for owner in allowed for text in ("--allow", owner)]
        self.folder = folder
        self.log = folder.with_suffix(".log").open("w")
        self.process = subprocess.Popen(
            [
                host_program(), "run", "--listen", listen, *allow, "--slots", str(slots),
                "--memory-mib", "1024", "--label", "zone=test", "--state-dir", str(folder),
                "--exit-with-stdin",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        ready = self.process.stdout.readline()
        assert ready.startswith("ready "), folder.with_suffix(".log").read_text()
        self.address = ready.split()[1]
        self.peer_id = self.address.rpartition("/")[2]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        for stream in (self.process.stdin, self.process.stdout, self.log):
            assert stream is not None
            stream.close()
        return code


@pytest.fixture
def key(tmp_path: Path) -> str:
    return str(tmp_path / "key")


@pytest.fixture
def host(tmp_path: Path, key: str) -> Iterator[RunningHost]:
    running = RunningHost(tmp_path / "host", spm.identity(key))
    yield running
    if running.process.poll() is None:
        running.stop()


def test_identity_is_kept(tmp_path: Path) -> None:
    first = spm.identity(str(tmp_path / "a"))
    assert first.startswith("12D3KooW")
    assert spm.identity(str(tmp_path / "a")) == first
    assert spm.identity(str(tmp_path / "b")) != first
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "a").iterdir())


def test_connect_by_address(host: RunningHost, key: str) -> None:
    with spm.connect(host.address, key=key) as pool:
        assert [found.peer_id for found in pool.hosts] == [host.peer_id]
        assert pool.hosts[0].slots == 2
        assert pool.hosts[0].labels == {"zone": "test"}
        assert list(pool.map(double, range(2000))) == [2 * n for n in range(2000)]
        with pool.select(labels={"zone": "test"}) as chosen:
            assert chosen.submit(double, 4).result() == 8


def nap(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def test_one_per_server_is_one_slot(host: RunningHost, key: str) -> None:
    with spm.connect(host.address, key=key) as pool, pool.select(where="one per server") as chosen:
        assert [found.slots for found in chosen.hosts] == [1]
        chosen.submit(nap, 0.0).result()
        begin = time.monotonic()
        assert list(chosen.map(nap, [0.1] * 4)) == [0.1] * 4
        assert time.monotonic() - begin >= 0.4


def test_quic(tmp_path: Path, key: str) -> None:
    host = RunningHost(tmp_path / "host", spm.identity(key), listen="/ip4/127.0.0.1/udp/0/quic-v1")
    with spm.connect(host.address, key=key) as pool:
        assert pool.submit(double, 21).result() == 42
    assert host.stop() == 0


def test_several_hosts_and_large_values(tmp_path: Path, key: str) -> None:
    hosts = [RunningHost(tmp_path / name, spm.identity(key)) for name in ("one", "two")]
    items = list(range(30_000))
    with spm.connect(*(host.address for host in hosts), key=key) as pool:
        assert len(pool.hosts) == 2
        for result in pool.map(square_all, [items] * 6):
            assert result == [item * item for item in items]
    assert [host.stop() for host in hosts] == [0, 0]


class OneCaller:
    """The way to a host that only the first who calls is let in by: others cannot reach it."""

    def __init__(self, host: RunningHost) -> None:
        port = int(host.address.split("/")[4])
        self._door = socket.create_server(("127.0.0.1", 0))
        self.address = host.address.replace(f"/{port}/", f"/{self._door.getsockname()[1]}/")
        self.thread = threading.Thread(target=self._let_in, args=(port,))
        self.thread.start()

    def _let_in(self, port: int) -> None:
        caller, _ = self._door.accept()
        self._door.close()
        with caller, socket.create_connection(("127.0.0.1", port)) as host:
            back = threading.Thread(target=self._carry, args=(host, caller))
            back.start()
            self._carry(caller, host)
            back.join()

    @staticmethod
    def _carry(one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)


def ranks_and_sum(n: int) -> tuple[int, int]:
    return spm.team.size, spm.team.allreduce(n)


def test_hosts_that_do_not_reach_each_other_do_not_exchange_values(
    tmp_path: Path, key: str
) -> None:
    hosts = [RunningHost(tmp_path / name, spm.identity(key)) for name in ("one", "two")]
    ways = [OneCaller(host) for host in hosts]
    with spm.connect(*(way.address for way in ways), key=key) as pool:
        one, two = (host.peer_id for host in pool.hosts)
        told = "|".join(
            rf"host `{out}` takes no part: host `{out}` does not reach host `{met}` .*select\(hosts=\)"
            for out, met in ((one, two), (two, one))
        )
        with pytest.warns(RuntimeWarning, match=told):
            assert spm.Team(pool, ranks_and_sum, size=4).run(3) == [(4, 12)] * 4
        dag = spm.Dag(pool)
        for _ in range(6):
            dag.add(square_all, dag.add(square_all, list(range(1000))))
        assert dag.run() == [[n**4 for n in range(1000)]] * 6
        # Independent tasks run on both.
        assert list(pool.map(double, range(2000))) == [2 * n for n in range(2000)]
    assert [host.stop() for host in hosts] == [0, 0]
    for way in ways:
        way.thread.join()


def test_many_pools_share_a_host(host: RunningHost, key: str) -> None:
    with spm.connect(host.address, key=key) as one, spm.connect(host.address, key=key) as other:
        futures = [pool.submit(double, n) for n in range(20) for pool in (one, other)]
        assert [future.result() for future in futures] == [2 * n for n in range(20) for _ in "ab"]


def test_an_address_without_a_peer_id_needs_trust(host: RunningHost, key: str) -> None:
    bare = host.address.rpartition("/p2p/")[0]
    with pytest.raises(ValueError, match="trust"):
        spm.connect(bare, key=key)
    with spm.connect(bare, trust=[host.peer_id], key=key) as pool:
        assert pool.submit(double, 1).result() == 2


def test_a_host_that_is_not_trusted_is_not_used(host: RunningHost, key: str) -> None:
    bare = host.address.rpartition("/p2p/")[0]
    with pytest.raises(spm.MeshError):
        spm.connect(bare, trust=[STRANGER], key=key)


def test_another_peer_at_the_address_is_not_used(host: RunningHost, key: str) -> None:
    other = host.address.replace(host.peer_id, STRANGER)
    with pytest.raises(spm.MeshError):
        spm.connect(other, key=key)


def test_an_unknown_submitter_runs_nothing(host: RunningHost, tmp_path: Path) -> None:
    with pytest.raises((spm.MeshError, spm.ClosureRefused)) as caught:
        with spm.connect(host.address, key=str(tmp_path / "stranger")) as pool:
            pool.submit(double, 1).result(timeout=60)
    assert spm.identity(str(tmp_path / "stranger")) in str(caught.value)


def test_a_host_that_stops_gives_its_tasks_to_others(tmp_path: Path, key: str) -> None:
    hosts = [RunningHost(tmp_path / name, spm.identity(key)) for name in ("one", "two")]
    with spm.connect(*(host.address for host in hosts), key=key) as pool:
        results = pool.map(double, range(20_000), buffersize=1_000)
        first = [next(results) for _ in range(10)]
        assert hosts[0].stop() == 0
        assert first + list(results) == [2 * n for n in range(20_000)]
    assert hosts[1].stop() == 0


def test_status_and_id(host: RunningHost) -> None:
    def told(command: str) -> str:
        return subprocess.run(
            [host_program(), command, "--state-dir", str(host.folder)],
            capture_output=True, text=True, check=True, timeout=60,
        ).stdout  # fmt: skip

    assert told("id").strip() == host.peer_id
    assert json.loads(told("status"))["slots"] == 2


def test_nothing_is_left_behind(tmp_path: Path, key: str) -> None:
    host = RunningHost(tmp_path / "host", spm.identity(key))
    pid = host.process.pid
    with spm.connect(host.address, key=key) as pool:
        assert pool.submit(double, 1).result() == 2
    assert host.stop() == 0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_spm_pool_takes_addresses(
    host: RunningHost, key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("SPM_POOL", host.address)
    with pytest.raises((spm.MeshError, spm.ClosureRefused)):
        with spm.pool() as pool:  # of a key that the host does not know
            pool.submit(double, 1).result(timeout=60)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "at least one address"),
        (("elsewhere",), "is no address"),
        (("/ip4/127.0.0.1/tcp/1/p2p/12D3",), "is no address"),
    ],
)
def test_what_is_no_address(arguments: tuple[str, ...], words: str, key: str) -> None:
    with pytest.raises(ValueError, match=words):
        spm.connect(*arguments, key=key)


def test_trust_takes_a_list(key: str) -> None:
    with pytest.raises(TypeError, match="list of peer ids"):
        spm.connect("/ip4/127.0.0.1/tcp/1", trust=STRANGER, key=key)
    with pytest.raises(ValueError, match="is no peer id"):
        spm.connect("/ip4/127.0.0.1/tcp/1", trust=["somebody"], key=key)
