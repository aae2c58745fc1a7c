"""Hosts that mDNS finds: it suggests, and trust admits.

mDNS is not spoken from loopback addresses. So each test has a network of its own that leads nowhere:
a namespace whose loopback interface has another address.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

NETWORK = """
set -e
ip link set lo up multicast on
ip address add 10.99.0.1/24 dev lo
ip route add 224.0.0.0/4 dev lo
"""
TIMEOUT_S = 120


def missing() -> str | None:
    """Why no network can be made here."""
    for program in ("ip", "unshare"):
        if shutil.which(program) is None:
            return f"there is no `{program}`"
    tried = subprocess.run(
        ["unshare", "--net", "sh", "-c", NETWORK], capture_output=True, text=True, check=False
    )
    return tried.stderr.strip() or "not permitted" if tried.returncode else None


WHY_NOT = missing()
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=f"needs a network to itself: {WHY_NOT}")

PRELUDE = """
import subprocess
import sys
from pathlib import Path

import spm
from spm._runtime import host_program

folder = Path(sys.argv[1])
key = str(folder / "key")

@spm.wasm_closure
def double(x: int) -> int:
    return 2 * x

def start(name, *options):
    process = subprocess.Popen(
        [
            host_program(), "run", "--listen", "/ip4/10.99.0.1/tcp/0", "--slots", "1",
            "--allow", spm.identity(key), "--state-dir", str(folder / name),
            "--exit-with-stdin", *options,
        ],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )
    return process.stdout.readline().rpartition("/")[2].strip()
"""

FOUND_AND_USED = """
one, other = start("one", "--mdns"), start("other", "--mdns")
for trusted in (one, other):
    with spm.connect(trust=[trusted], key=key) as pool:
        assert pool.submit(double, 21).result(timeout=60) == 42
        # Both were suggested, as the other turn of this loop shows; one is trusted.
        assert [host.peer_id for host in pool.hosts] == [trusted]
"""

FOUND_AND_NOT_TRUSTED = """
start("one", "--mdns")
stranger = "12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5"
try:
    spm.connect(trust=[stranger], key=key)
except spm.NoHosts as error:
    print(error)
else:
    raise AssertionError("a host was admitted that nobody trusts")
"""

SILENT = """
silent = start("silent")
try:
    spm.connect(trust=[silent], key=key)
except spm.NoHosts as error:
    print(error)
else:
    raise AssertionError("found without --mdns")
"""


def in_a_network_of_its_own(program: str, folder: Path) -> str:
    path = folder / "program.py"
    path.write_text(PRELUDE + program)
    done = subprocess.run(
        [
            "unshare", "--net", "sh", "-c", NETWORK + 'exec "$@"', "sh",
            sys.executable, str(path), str(folder),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_trusted_hosts_are_found_and_used_and_no_others(tmp_path: Path) -> None:
    in_a_network_of_its_own(FOUND_AND_USED, tmp_path)


def test_a_host_that_is_found_and_not_trusted_is_not_admitted(tmp_path: Path) -> None:
    in_a_network_of_its_own(FOUND_AND_NOT_TRUSTED, tmp_path)


def test_a_host_that_does_not_tell_of_itself_is_not_found(tmp_path: Path) -> None:
    in_a_network_of_its_own(SILENT, tmp_path)
