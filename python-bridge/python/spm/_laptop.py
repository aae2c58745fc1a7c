"""Pools of hosts: in this process, in processes of their own, or wherever they are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from . import _runtime
from ._hosts import HostBackend
from ._pool import Pool
from ._serial import serial
from ._spm import Hosts, hidden, identity_of

if TYPE_CHECKING:
    from collections.abc import Iterable

_STATE_DIR = "~/.spm"


@hidden
def laptop(hosts: int | None = None, *, processes: bool = False) -> Pool:
    """All processors of this machine: one host with one slot for each, or as many as `hosts` says.

    The hosts are in this process, or with `processes=True` real `spm-host` processes, which end
    with this one.
    """
    _runtime.check_process()
    if hosts is None:
        hosts = _runtime.cpu_count()
    if not isinstance(hosts, int) or hosts < 1:
        raise ValueError(f"hosts must be an int of at least 1, not {hosts!r}")
    memory_mib = _runtime.memory_mib() // hosts
    engines = _runtime.engines_folder()
    if processes:
        made = Hosts.processes(hosts, memory_mib, _runtime.host_program(), engines)
    else:
        made = Hosts.in_process(hosts, memory_mib, engines)
    return Pool(HostBackend(made))


@hidden
def connect(*addresses: str, trust: Iterable[str] = (), key: str | None = None) -> Pool:
    """Join hosts elsewhere.

    `addresses` are those that hosts print when they start. A host is admitted if its peer id is
    part of its address, or is in `trust`; hosts of `trust` that mDNS finds in the local network
    need no address. `key` is the folder that holds this submitter's key, `~/.spm` by default.
    """
    _runtime.check_process()
    if isinstance(trust, str):
        raise TypeError("trust takes a list of peer ids, not one text")
    trusted = list(trust)
    if not addresses and not trusted:
        raise ValueError("connect takes at least one address, or peer ids to trust")
    return Pool(HostBackend(Hosts.connect(list(addresses), trusted, _key_folder(key))))


@hidden
def pool() -> Pool:
    """Make the pool that the environment variable `SPM_POOL` names; `laptop()` if it is unset.

    It may be `serial`, `laptop`, `laptop:4`, or addresses of hosts with commas between them.
    """
    return named_pool(os.environ.get("SPM_POOL", "").strip() or "laptop", "SPM_POOL")


def named_pool(named: str, where: str) -> Pool:
    """Make the pool of this name. `where` says where the name is from."""
    kind, _, count = named.partition(":")
    if named == "serial":
        return serial()
    if kind == "laptop":
        if not count:
            return laptop()
        if not count.isdecimal() or int(count) < 1:
            raise ValueError(f"{where} is {named!r}; after `laptop:` comes a number of hosts")
        return laptop(int(count))
    if named.startswith("/"):
        return connect(*(address.strip() for address in named.split(",") if address.strip()))
    raise ValueError(
        f"{where} is {named!r}; it can be `serial`, `laptop`, `laptop:4`, or addresses of hosts"
    )


def identity(key: str | None = None) -> str:
    """Say this submitter's peer id, as hosts take it after `--allow`. Its key is made if need be."""
    return identity_of(_key_folder(key))


def _key_folder(key: str | None) -> str:
    return str(Path(key if key is not None else _STATE_DIR).expanduser())
