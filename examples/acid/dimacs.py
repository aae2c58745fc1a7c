"""Formulas as DIMACS has them, and classic families of them: made here, since known ones have known answers."""

import random
from collections.abc import Callable
from itertools import combinations, product
from typing import NamedTuple

Clauses = list[list[int]]


class Formula(NamedTuple):
    """A conjunction of clauses over the variables `1 ... variables`."""

    variables: int
    clauses: Clauses


def parse(text: str) -> Formula:
    """Read a file in the format of the DIMACS challenge of 1993.

    Comments begin with `c`; `p cnf VARIABLES CLAUSES` comes first; a clause ends with 0 and may span
    lines. Some old files end with a line `%`, and what follows it counts for nothing.
    """
    variables, expected, clauses = -1, -1, []
    clause: list[int] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0][0] == "c":
            continue
        if words[0] == "%":
            break
        if words[0] == "p":
            if variables >= 0 or len(words) != 4 or words[1] != "cnf":
                raise ValueError(f"line {number}: expected one `p cnf VARIABLES CLAUSES`: {line}")
            variables, expected = int(words[2]), int(words[3])
            continue
        for word in words:
            literal = int(word)
            if abs(literal) > variables:
                raise ValueError(
                    f"line {number}: {literal} is not of {max(variables, 0)} variables"
                )
            if literal:
                clause.append(literal)
            else:
                clauses.append(clause)
                clause = []
    if clause:
        clauses.append(clause)
    if variables < 0 or len(clauses) != expected:
        raise ValueError(f"expected {max(expected, 0)} clauses, and found {len(clauses)}")
    return Formula(variables, clauses)


def write(clauses: Clauses, comment: str = "") -> str:
    """The text of a DIMACS file."""
    variables = max((abs(x) for clause in clauses for x in clause), default=0)
    lines = [f"c {line}" for line in comment.splitlines()]
    lines.append(f"p cnf {variables} {len(clauses)}")
    lines += [" ".join(map(str, [*clause, 0])) for clause in clauses]
    return "\n".join(lines) + "\n"


def satisfies(model: list[int], formula: Formula) -> bool:
    """Whether an assignment, one literal for each variable, makes each clause true."""
    true = set(model)
    return [abs(x) for x in model] == list(range(1, formula.variables + 1)) and all(
        any(x in true for x in clause) for clause in formula.clauses
    )


def pigeons(holes: int) -> Clauses:
    """Of `holes + 1` pigeons, no two in a hole: unsatisfiable, and hard for resolution (A. Haken, 1985)."""
    at = [[1 + pigeon * holes + hole for hole in range(holes)] for pigeon in range(holes + 1)]
    alone = [[-a[hole], -b[hole]] for hole in range(holes) for a, b in combinations(at, 2)]
    return [list(row) for row in at] + alone


def parity(length: int, *, odd: bool) -> Clauses:
    """Two ways round a ring of exclusive ors that agree, or do not: after O. Dubois, DIMACS 1993.

    Each pair of neighbours is joined by `x xor y xor z = 0` with a `z` of its own, twice, once with
    the sum of all `z` even by construction and once asked to be odd.
    """
    ring = list(range(1, length + 1))
    joints = list(range(length + 1, 2 * length + 1))
    sums = list(range(2 * length + 1, 3 * length + 1))
    clauses = []
    for i, joint in enumerate(joints):
        clauses += _xor([ring[i], ring[(i + 1) % length], joint], even=True)
    clauses += _xor([joints[0], sums[0]], even=True)
    for i in range(1, length):
        clauses += _xor([sums[i - 1], joints[i], sums[i]], even=True)
    return [*clauses, [sums[-1] if odd else -sums[-1]]]


def _xor(variables: list[int], *, even: bool) -> Clauses:
    """Clauses that rule out each assignment of the wrong parity."""
    return [
        [-v if bit else v for v, bit in zip(variables, bits, strict=True)]
        for bits in product((0, 1), repeat=len(variables))
        if (sum(bits) % 2 == 0) != even
    ]


def queens(n: int) -> Clauses:
    """`n` queens on a board of `n` by `n`, none attacking another: satisfiable from 4 on."""
    square = [[1 + row * n + column for column in range(n)] for row in range(n)]
    cells = list(product(range(n), repeat=2))
    attacks = [
        [-square[r][c], -square[s][d]]
        for (r, c), (s, d) in combinations(cells, 2)
        if r == s or c == d or abs(r - s) == abs(c - d)
    ]
    return [list(row) for row in square] + attacks


def mycielski(steps: int, colours: int) -> Clauses:
    """Colour a graph without triangles that needs `steps + 2` colours (J. Mycielski, 1955)."""
    nodes, edges = 2, [(0, 1)]
    for _ in range(steps):
        top = 2 * nodes
        edges += [(a, b + nodes) for a, b in edges] + [(b, a + nodes) for a, b in edges]
        edges += [(copy, top) for copy in range(nodes, top)]
        nodes = top + 1
    paint = [[1 + node * colours + colour for colour in range(colours)] for node in range(nodes)]
    differ = [[-paint[a][colour], -paint[b][colour]] for a, b in edges for colour in range(colours)]
    return [list(row) for row in paint] + differ


def planted(variables: int, clauses: int, seed: int) -> Clauses:
    """Random 3-SAT around a hidden model, so satisfiable; no clause tells which sign is likelier.

    After W. Barthel et al., "Hiding solutions in random satisfiability problems", PRL 88, 2002.
    """
    chance = random.Random(seed)
    hidden = [0, *(chance.choice((-1, 1)) for _ in range(variables))]
    rows: Clauses = []
    while len(rows) < clauses:
        chosen = chance.sample(range(1, variables + 1), 3)
        # Of 7 sign patterns that agree with the model, those with one true literal come as often
        # as to balance the others.
        agreeing = chance.choices((1, 2, 3), (6, 3, 1))[0]
        signs = [1] * agreeing + [-1] * (3 - agreeing)
        chance.shuffle(signs)
        rows.append([v * sign * hidden[v] for v, sign in zip(chosen, signs, strict=True)])
    return rows


def random3(variables: int, clauses: int, seed: int) -> Clauses:
    """Random 3-SAT. With 4.26 clauses a variable, half of all formulas are satisfiable."""
    chance = random.Random(seed)
    return [
        [v * chance.choice((-1, 1)) for v in chance.sample(range(1, variables + 1), 3)]
        for _ in range(clauses)
    ]


INSTANCES: dict[str, tuple[Callable[[], Clauses], bool]] = {
    "hole6": (lambda: pigeons(6), False),
    "parity30": (lambda: parity(30, odd=False), True),
    "parity30-odd": (lambda: parity(30, odd=True), False),
    "queens12": (lambda: queens(12), True),
    "mycielski3-4": (lambda: mycielski(3, 4), False),
    "planted150": (lambda: planted(150, 639, seed=1), True),
    "random120": (lambda: random3(120, 511, seed=2), True),
    "random150": (lambda: random3(150, 639, seed=1), False),
}
"""By name: how to make it, and whether it is satisfiable. Of the random ones, tests ask another solver."""
