"""The acid test: programs of four kinds of parallelism, one after the other, on the same hosts.

A make (`spm.Dag`), a word count (`spm.Aggregate`), a SAT solver whose ranks talk to each other (`spm.Team`), and graph
analytics (`spm.Team`, `spm.Farm`). All of them work on real inputs, and all results are checked here. These four, run so,
are the acid test of SPM.Python (M. B. Amin, SciPy 2011). Its paper's own two programs follow: primes, and stand-alone
programs with deadlines.

    python examples/acid_test.py [--pool serial|laptop|laptop:N|processes] [--cnf FILE ...]
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import launch
import primes
import spm
from acid import graph, library, make, sat, wordcount

Done = tuple[str, int, str]
"""Managers, how many tasks, and what was checked."""

Command = Callable[[], Done]


def run_make(pool: spm.Pool, ran_on: set[str | None]) -> Done:
    """Make all, make nothing, then make what one changed source is needed for."""
    with tempfile.TemporaryDirectory() as folder:
        sources, build = Path(folder, "sources"), Path(folder, "build")
        shutil.copytree(make.SOURCES, sources)
        wanted = set(make.targets(sources))
        first = make.make(pool, sources, build)
        assert set(first.built) == wanted, "the first make makes everything"
        ran_on |= first.hosts
        assert not make.make(pool, sources, build).built, "the second make makes nothing"
        changed = sources / "powers.lisp"
        changed.write_text(changed.read_text(encoding="utf-8") + "\n; changed\n", encoding="utf-8")
        third = make.make(pool, sources, build)
        stale = make.dependants(make.targets(sources), "powers")
        assert set(third.built) == stale, f"made {third.built}, not {stale}"
        assert third.module == first.module, "a comment makes no difference"
        checked = f"{len(wanted)}, then 0, then {len(stale)} made; {first.checked} calls"
        return "Dag", len(first.built) + len(third.built), checked


def run_words(pool: spm.Pool) -> Done:
    """Count the words of the library's sources."""
    texts = list(library.sources(200, 2_000_000).values())
    counts = wordcount.words(pool, texts)
    assert counts == wordcount.words_plainly(texts), "the counts are not those of one thread"
    checked = f"{sum(counts.values()):,} words, {len(counts):,} different"
    return "Aggregate", len(texts), checked


def run_sat(pool: spm.Pool, ran_on: set[str | None], files: list[Path]) -> Done:
    """Decide formulas, on those hosts only that the make used."""
    used = [str(host.incarnation) for host in pool.hosts if host.peer_id in ran_on]
    pool = pool.select(incarnations=used)
    proofs: list[str] = []
    hosts: set[str | None] = set()
    for name, formula, expected in sat.formulas(files):
        solved = sat.decide(
            pool, name, formula, on_status=lambda status: hosts.add(status.task.host)
        )
        proofs.append(solved.check(expected))
        if files:
            print(f"{name}: {'SATISFIABLE' if solved.satisfiable else 'UNSATISFIABLE'}")
    assert hosts <= ran_on, f"ranks ran on {hosts}, and the make on {ran_on}"
    teams, models = len(proofs), proofs.count("model")
    checked = f"{models} models, {teams - models} unsatisfiable"
    return "Team", teams * sat.RANKS, checked


def run_graph(pool: spm.Pool) -> Done:
    """Rank the library's modules by who imports them, and find its centre."""
    names, links = graph.import_graph(pool, library.sources(300, 3_000_000, 40_000))
    ranks = graph.rank(pool, links)
    plain = graph.pagerank_plainly(links)
    assert max(abs(a - b) for a, b in zip(ranks, plain, strict=True)) < 1e-9, "other ranks"
    best = sorted(range(len(names)), key=lambda node: -ranks[node])
    neighbours = graph.both_ways(links)
    part = graph.largest_part(neighbours)
    place = {node: i for i, node in enumerate(part)}
    neighbours = [[place[other] for other in neighbours[node]] for node in part]
    roots = [place[node] for node in best if node in place][: graph.ROOTS]
    found, _ = graph.centre(pool, neighbours, roots)
    depths = {root: max(graph.levels_plainly(neighbours, root).values()) for root in roots}
    least = min(depths.values())
    assert set(found) == {root for root in roots if depths[root] == least}, "another centre"
    for root, levels in found.items():
        assert dict(enumerate(levels)) == graph.levels_plainly(neighbours, root), "other levels"
    tasks = len(names) + graph.RANKS + -(-len(roots) // graph.ROOTS_A_TASK)
    checked = f"{len(names)} modules, `{names[best[0]]}` first, radius {least}"
    return "List, Team, Farm", tasks, checked


def run_primes(pool: spm.Pool) -> Done:
    """Count primes in ranges."""
    limit, pieces = 300_000, 50
    found = primes.primes_below(limit, pool, pieces)
    sieve = bytearray([1]) * limit
    for n in range(2, int(limit**0.5) + 1):
        sieve[n * n :: n] = bytes(len(range(n * n, limit, n)))
    assert found == sum(sieve[2:]), "other primes"
    return "List", pieces, f"{found:,} primes below {limit:,}"


def walk_plainly(seed: int, steps: int) -> tuple[int, int]:
    """Where `programs/walk.c` gets."""
    state, x, y = seed * 2 + 1, 0, 0
    for _ in range(steps):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        x += (1, -1, 0, 0)[state >> 62]
        y += (0, 0, 1, -1)[state >> 62]
    return x, y


def run_programs(pool: spm.Pool) -> Done:
    """Launch a program of C; one of the runs never ends by itself, and one aborts."""
    walks = [(seed, 1000 * seed) for seed in range(1, 9)]
    rows = [[str(seed), str(steps)] for seed, steps in walks]
    with tempfile.TemporaryDirectory() as folder:
        program = spm.program(launch.build(folder))
    launcher = spm.List(pool, program, on_error="collect", task_deadline_s=launch.DEADLINE_S)
    *walked, endless, aborted = launcher.run([*rows, ["1", "0"], ["1", "13"]])
    for (seed, steps), done in zip(walks, walked, strict=True):
        x, y = walk_plainly(seed, steps)
        assert done.stdout.decode() == f"{x} {y}\n", "another walk"
        assert done.files == {"end.txt": b"%d\n" % (abs(x) + abs(y))}, "another file"
    assert isinstance(endless, spm.DeadlineExceeded), "a run without an end has ended"
    assert isinstance(aborted, spm.SandboxViolation), "a run that aborts has not"
    return "List", len(rows) + 2, f"{len(walked)} walks; 1 overdue, 1 aborted"


def open_pool(name: str | None) -> spm.Pool:
    """The pool of that name; without one, what SPM_POOL says."""
    if name == "serial":
        return spm.serial()
    if name == "processes":
        return spm.laptop(processes=True)
    if name is None:
        return spm.pool()
    kind, _, hosts = name.partition(":")
    if kind != "laptop":
        raise SystemExit(f"there is no pool `{name}`")
    return spm.laptop(int(hosts) if hosts else None)


def main() -> int:
    """Run them, print what was found, and say by the exit status whether all of it is right."""
    parser = argparse.ArgumentParser(description="Four kinds of parallelism on the same hosts.")
    parser.add_argument("--pool", help="serial, laptop, laptop:N or processes")
    parser.add_argument("--cnf", nargs="+", type=Path, default=[], help="DIMACS files to decide")
    options = parser.parse_args()
    ran_on: set[str | None] = set()
    failed = 0
    began = time.perf_counter()
    with open_pool(options.pool) as pool:
        commands: dict[str, Command] = {
            "make": lambda: run_make(pool, ran_on),
            "words": lambda: run_words(pool),
            "sat": lambda: run_sat(pool, ran_on, options.cnf),
            "graph": lambda: run_graph(pool),
            "primes": lambda: run_primes(pool),
            "programs": lambda: run_programs(pool),
        }
        print(f"{'command':9}{'managers':17}{'tasks':>6}{'seconds':>9}  checked")
        for name, command in commands.items():
            start = time.perf_counter()
            try:
                managers, tasks, checked = command()
            except Exception:
                failed += 1
                managers, tasks, checked = "", 0, "FAILED"
                traceback.print_exc()
            took = time.perf_counter() - start
            print(f"{name:9}{managers:17}{tasks:6}{took:9.2f}  {checked}", flush=True)
    took = time.perf_counter() - began
    verdict = f"{failed} of {len(commands)} failed" if failed else "all is right"
    print(f"{verdict}, in {took:.1f} s with {os.cpu_count()} processors")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
