"""A SAT solver of several ranks, on an `spm.Team`: each searches in its own way, and tells the others what it learned.

The portfolio is that of Y. Hamadi, S. Jabbour, L. Sais, "ManySAT: a parallel SAT solver", JSAT 6, 2009; that ranks
exchange after equal numbers of conflicts, so that the same search is run every time and everywhere, is from Y. Hamadi,
S. Jabbour, C. Piette, L. Sais, "Deterministic parallel DPLL", JSAT 7, 2011.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

import spm

from .cdcl import Solver
from .dimacs import INSTANCES, Formula, parse, satisfies, write

RANKS = 3
ROUND = 200
"""Conflicts between two exchanges."""


@dataclass
class Verdict:
    """What a rank has to say when the team is done."""

    satisfiable: bool
    by: int
    """The rank that found out; the lowest, if several did in one round."""
    model: list[int] | None
    """An assignment that satisfies the formula, if this rank found it."""
    rounds: int
    conflicts: int
    imported: int


@spm.wasm_closure
def solve(variables: int, clauses: list[list[int]]) -> Verdict:
    """One rank of the team. All end in the same round, with the same answer."""
    team = spm.team
    solver = Solver(variables, clauses, seed=team.rank)
    rounds = 0
    while True:
        rounds += 1
        answer = solver.search(ROUND)
        model = solver.model() if answer else None
        heard = team.allgather((answer, solver.share() if answer is None else []))
        for rank, (said, _) in enumerate(heard):
            if said is not None:
                mine = model if rank == team.rank else None
                return Verdict(said, rank, mine, rounds, solver.conflicts, solver.imported)
        for rank, (_, learned) in enumerate(heard):
            if rank != team.rank:
                solver.take(learned)


@dataclass
class Solved:
    """The answer about one formula, and what it took."""

    name: str
    formula: Formula
    satisfiable: bool
    model: list[int] | None
    conflicts: int
    exchanged: int

    def check(self, expected: bool | None) -> str:
        """Say what is proved of the answer, or raise `AssertionError`."""
        if self.satisfiable:
            assert self.model is not None, f"{self.name}: no model"
            assert satisfies(self.model, self.formula), f"{self.name}: not a model"
        assert expected in (None, self.satisfiable), f"{self.name}: a wrong answer"
        return "model" if self.satisfiable else "believed" if expected is None else "known"


def decide(
    pool: spm.Pool, name: str, formula: Formula, ranks: int = RANKS, **options: Unpack[spm.Options]
) -> Solved:
    """Have a team decide a formula."""
    verdicts = spm.Team(pool, solve, size=ranks, **options).run(formula.variables, formula.clauses)
    winner = verdicts[verdicts[0].by]
    return Solved(
        name,
        formula,
        winner.satisfiable,
        winner.model,
        sum(verdict.conflicts for verdict in verdicts),
        sum(verdict.imported for verdict in verdicts),
    )


def formulas(files: Iterable[Path] = ()) -> Iterable[tuple[str, Formula, bool | None]]:
    """What to decide, and what is known of it: the files, or else the built-in instances."""
    given = list(files)
    for path in given:
        yield path.name, parse(path.read_text(encoding="ascii", errors="replace")), None
    for name, (make, expected) in {} if given else INSTANCES.items():
        # Written and read again, as if it came from a file.
        yield name, parse(write(make(), name)), expected
