"""The programs of the acid test find what independent ones find."""

import random
import shutil
from pathlib import Path

import networkx as nx
import numpy as np
import pycosat
import pytest
import wasmtime

import acid_test
import seeds
import spm
import tours
from acid import cdcl, dimacs, graph, interpreter, library, make, sat, toolchain, wordcount


def formula(clauses: dimacs.Clauses) -> dimacs.Formula:
    return dimacs.parse(dimacs.write(clauses))


def is_satisfiable(clauses: dimacs.Clauses) -> bool:
    return pycosat.solve(clauses) != "UNSAT"


# SAT.


@pytest.mark.parametrize("seed", range(8))
def test_solver_agrees_with_another(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(150):
        variables = chance.randint(1, 30)
        clauses = [
            [
                chance.choice((-1, 1)) * chance.randint(1, variables)
                for _ in range(chance.choice((1, 2, 3, 3, 3, 3, 4)))
            ]
            for _ in range(chance.randint(1, 5 * variables))
        ]
        solver = cdcl.Solver(variables, clauses, seed=chance.randint(0, 7))
        answer = None
        while answer is None:  # paused after a few conflicts, and gone on with
            answer = solver.search(chance.randint(1, 20))
            if answer is None:
                solver.take(solver.share())
        assert answer == is_satisfiable(clauses)
        if answer:
            assert dimacs.satisfies(solver.model(), dimacs.Formula(variables, clauses))


def test_what_solvers_share_follows_from_the_formula() -> None:
    clauses = dimacs.INSTANCES["random150"][0]()
    solver = cdcl.Solver(150, clauses, seed=1)
    solver.search(1000)
    shared = solver.share()
    assert shared
    assert not solver.share()
    for clause in shared:
        assert not is_satisfiable(clauses + [[-literal] for literal in clause])


def test_solvers_forget_and_are_right_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cdcl, "LEARNED_MIN", 50)
    clauses = dimacs.pigeons(6)
    solver = cdcl.Solver(42, clauses)
    assert solver.search(10**6) is False
    assert len(solver.learned) < solver.conflicts / 2


def test_the_sequence_of_restarts() -> None:
    assert [cdcl.luby(i) for i in range(15)] == [1, 1, 2, 1, 1, 2, 4, 1, 1, 2, 1, 1, 2, 4, 8]


@pytest.mark.parametrize("name", list(dimacs.INSTANCES))
def test_what_is_said_of_an_instance_is_so(name: str) -> None:
    make_it, expected = dimacs.INSTANCES[name]
    assert is_satisfiable(make_it()) == expected


@pytest.mark.parametrize(
    ("clauses", "expected"),
    [
        (dimacs.mycielski(2, 3), False),
        (dimacs.mycielski(2, 4), True),
        (dimacs.mycielski(3, 5), True),
        (dimacs.queens(3), False),
        (dimacs.queens(4), True),
        (dimacs.pigeons(3), False),
        (dimacs.parity(9, odd=True), False),
        (dimacs.parity(9, odd=False), True),
        (dimacs.planted(60, 256, seed=3), True),
    ],
)
def test_families_are_what_they_should_be(clauses: dimacs.Clauses, expected: bool) -> None:
    assert is_satisfiable(clauses) == expected
    assert cdcl.Solver(*formula(clauses)).search(10**6) == expected


def test_dimacs_is_read_as_it_is_found() -> None:
    text = "c one\np cnf 3 2\n1 -2\n 0 3\n2 0\n%\n0\n"
    assert dimacs.parse(text) == (3, [[1, -2], [3, 2]])
    assert dimacs.parse("p cnf 0 0\n") == (0, [])
    assert dimacs.parse("p cnf 2 1\n1 2\n") == (2, [[1, 2]])
    assert dimacs.parse("p cnf 1 1\n0\n") == (1, [[]])
    assert cdcl.Solver(1, [[]]).search(1) is False


@pytest.mark.parametrize(
    "text",
    ["", "1 2 0\n", "p cnf 1 1\n2 0\n", "p cnf 2 2\n1 0\n", "p cnf x 1\n", "p sat 1 1\n1 0\n"],
)
def test_what_is_no_dimacs_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        dimacs.parse(text)


def test_teams_decide_every_instance_and_say_the_same_again(pool: spm.Pool) -> None:
    for name, instance, expected in sat.formulas():
        if name.startswith(("mycielski", "random150")):
            continue  # the example has them, too
        solved = sat.decide(pool, name, instance, ranks=3)
        assert solved.satisfiable == expected
        assert solved.check(expected) == ("model" if expected else "known")
        again = sat.decide(pool, name, instance, ranks=3)
        assert (again.model, again.conflicts) == (solved.model, solved.conflicts)


def test_a_wrong_model_is_found_out() -> None:
    instance = dimacs.Formula(2, [[1, 2], [-1]])
    with pytest.raises(AssertionError, match="not a model"):
        sat.Solved("x", instance, True, [1, 2], 0, 0).check(True)
    with pytest.raises(AssertionError, match="wrong answer"):
        sat.Solved("x", instance, False, None, 0, 0).check(True)


def test_files_are_decided_on_the_hosts_that_are_named(
    pool: spm.Pool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "yes.cnf").write_text("c a file\np cnf 3 2\n1 -3 0\n2 3\n-1 0\n")
    (tmp_path / "no.cnf").write_text("p cnf 1 2\n1 0\n-1 0\n")
    files = [tmp_path / "yes.cnf", tmp_path / "no.cnf"]
    done = acid_test.run_sat(pool, {pool.hosts[0].peer_id}, files)
    assert done == ("Team", 2 * sat.RANKS, "1 models, 1 unsatisfiable")
    assert capsys.readouterr().out == "yes.cnf: SATISFIABLE\nno.cnf: UNSATISFIABLE\n"


# The make.


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    return Path(shutil.copytree(make.SOURCES, tmp_path / "sources"))


def test_only_what_changed_is_made_again(pool: spm.Pool, sources: Path, tmp_path: Path) -> None:
    build = tmp_path / "build"
    wanted = make.targets(sources)
    first = make.make(pool, sources, build)
    assert set(first.built) == set(wanted)
    assert first.checked == len(make.cases())
    again = make.make(pool, sources, build)
    assert not again.built
    assert again.module == first.module
    path = sources / "primes.lisp"
    path.write_text(path.read_text().replace("(set n (+ n 1))\n", "(set n (+ 1 n))\n"))
    third = make.make(pool, sources, build)
    expected = {"primes.interface", "primes.object", "pseudoprimes.object", make.MODULE, "checked"}
    assert set(third.built) == expected == make.dependants(wanted, "primes")
    assert third.module != first.module
    assert third.checked == first.checked


def test_what_is_damaged_is_made_again(sources: Path, tmp_path: Path) -> None:
    build = tmp_path / "build"
    with spm.serial(sandbox=False) as pool:
        make.make(pool, sources, build)
        (build / "roots.object").write_bytes(b"[]")
        (build / "powers.interface").unlink()
        assert set(make.make(pool, sources, build).built) == {"roots.object", "powers.interface"}


def test_what_does_not_need_a_broken_source_is_made(sources: Path, tmp_path: Path) -> None:
    (sources / "roots.lisp").write_text("(fun twice (x) (* 2 y))")
    with spm.serial(sandbox=False) as pool:
        with pytest.raises(spm.TaskFailures) as caught:
            make.make(pool, sources, tmp_path / "build")
        found = [str(one) for one in caught.value.exceptions]
        assert any("roots: `twice`: there is no variable 'y'" in text for text in found)
        shutil.copy(make.SOURCES / "roots.lisp", sources)
        repaired = make.make(pool, sources, tmp_path / "build")
    assert set(repaired.built) == {"roots.interface", "roots.object", make.MODULE, "checked"}


def built() -> bytes:
    texts = {path.stem: path.read_text() for path in make.SOURCES.glob("*.lisp")}
    interfaces = {name: toolchain.interface(name, text) for name, text in texts.items()}
    return toolchain.link(
        [
            toolchain.compile_source(
                name, text, [interfaces[other] for other in toolchain.uses(name, text)]
            )
            for name, text in texts.items()
        ]
    )


def test_the_module_is_one_for_wasmtime_too() -> None:
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    instance = wasmtime.Instance(store, wasmtime.Module(engine, built()), [])
    exports = instance.exports(store)
    for function, arguments, memory, expected in make.cases():
        exports["memory"].write(store, memory, 0)
        assert exports[function](store, *arguments) == expected, (function, arguments)


def test_sorted_bytes_are_sorted() -> None:
    instance = interpreter.Instance(built())
    instance.memory[:5] = b"tides"
    instance.call("sort8", 0, 5)
    assert instance.memory[:6] == b"deist\0"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(fun f (x) x", "1 `\\)` missing"),
        ("(fun f (x) x))", "too many"),
        ("(fun f (x) (g x))", "`g` is not known"),
        ("(fun f (x) (f x x))", "`f` takes 1 operands, not 2"),
        ("(fun f (x) (+ x))", "`\\+` takes 2 operands, not 1"),
        ("(fun f (x) y)", "no variable 'y'"),
        ("(fun f (x) (set y 1))", "no variable 'y'"),
        ("(fun if (x) x)", "cannot be defined"),
        ("(fun f (x x) x)", "cannot be defined"),
        ("(fun f (x) x) (fun f (y) y)", "defined twice"),
        ("(fun f (x) 99999999999999999999)", "does not fit"),
        ("(fun f)", "expected \\(fun"),
        ("(run f)", "expected \\(fun"),
        ("(fun f (x) ())", "no expression"),
    ],
)
def test_what_is_no_program_is_refused(text: str, message: str) -> None:
    with pytest.raises(toolchain.SourceError, match=message):
        toolchain.link([toolchain.compile_source("test", text, [])])


# Words and graphs.


def test_words(pool: spm.Pool) -> None:
    texts = list(library.sources(12, 300_000, 60_000).values())
    assert wordcount.words(pool, texts) == wordcount.words_plainly(texts)


def test_imports_are_those_that_statements_name() -> None:
    text = """
import os, a.b as c
from . import near
from ..far import thing
from far import *
def f():
    try:
        import late
    except ImportError:
        match 1:
            case 1: import later
"""
    expected = ["a.b", "far.*", "late", "later", "os", "p.far.thing", "p.q.near"]
    assert library.imported_names("p.q.r", False, text) == expected
    assert library.imported_names("p.q", True, "from .r import s\nfrom . import t") == [
        "p.q.r.s",
        "p.q.t",
    ]


@pytest.fixture(scope="module")
def links() -> graph.Rows:
    texts = library.sources(150, 2_000_000, 40_000)
    packages = {name.rpartition(".")[0] for name in texts}
    named = {
        name: library.imported_names(name, name in packages, text) for name, text in texts.items()
    }
    return library.edges(named)


def as_networkx(links: graph.Rows) -> nx.DiGraph:
    made = nx.DiGraph()
    made.add_nodes_from(range(len(links)))
    made.add_edges_from((node, target) for node, row in enumerate(links) for target in row)
    return made


def test_pagerank(pool: spm.Pool, links: graph.Rows) -> None:
    # The vector that this matrix leaves as it is, by elimination instead of iteration.
    matrix = np.asarray(nx.google_matrix(as_networkx(links), alpha=graph.DAMPING))
    system = np.vstack([matrix.T - np.eye(len(links)), np.ones(len(links))])
    expected = np.linalg.lstsq(system, np.array([0.0] * len(links) + [1.0]), rcond=None)[0]
    assert graph.rank(pool, links, size=3) == pytest.approx(expected, abs=1e-9)
    assert graph.pagerank_plainly(links) == pytest.approx(expected, abs=1e-9)


def test_the_centre(pool: spm.Pool, links: graph.Rows) -> None:
    neighbours = graph.both_ways(links)
    part = graph.largest_part(neighbours)
    known = as_networkx(links).to_undirected()
    assert set(part) == max(nx.connected_components(known), key=len)
    place = {node: i for i, node in enumerate(part)}
    inner = [[place[other] for other in neighbours[node]] for node in part]
    known = nx.relabel_nodes(known.subgraph(part), place)
    found, hub = graph.centre(pool, inner, list(range(len(part))))
    assert hub.best == nx.radius(known)
    assert set(found) == set(nx.center(known))
    for root, levels in found.items():
        expected = nx.single_source_shortest_path_length(known, root)
        assert dict(enumerate(levels)) == expected == graph.levels_plainly(inner, root)


# The searches.


def test_tours(pool: spm.Pool) -> None:
    distances = tours.roads(8, seed=5)
    tour, _ = tours.shortest_tour(pool, distances)
    assert tour.cost == tours.by_brute_force(distances)
    assert sorted(tour.cities) == list(range(8))
    assert tour.lower_bound(distances) >= tour.cost


@pytest.mark.parametrize("length", [13, 14])
def test_sequences(pool: spm.Pool, length: int) -> None:
    signs = [[1 if bits >> i & 1 else -1 for i in range(length)] for bits in range(2**length)]
    products = np.array(signs)
    energies = sum(
        (products[:, : length - k] * products[:, k:]).sum(axis=1) ** 2 for k in range(1, length)
    )
    least = int(min(energies))
    assert seeds.BEST_KNOWN.get(length, least) == least
    incumbent = seeds.Incumbent(least)
    results = spm.Farm(pool, seeds.search, on_message=incumbent.on_message).run(
        [length] * 4, range(4)
    )
    energy, found = min(results)
    assert energy == least == seeds.energy_of(found)
