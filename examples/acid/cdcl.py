"""A SAT solver that learns from its conflicts, small enough to read.

- Conflict-driven clause learning with the first unique implication point: J. Marques-Silva and K. Sakallah,
  "GRASP: a search algorithm for propositional satisfiability", IEEE Trans. Computers 48(5), 1999; L. Zhang et al.,
  "Efficient conflict driven learning in a Boolean satisfiability solver", ICCAD 2001.
- Watched literals and decaying activities: M. Moskewicz et al., "Chaff: engineering an efficient SAT solver", DAC 2001.
- Restarts: M. Luby, A. Sinclair, D. Zuckerman, "Optimal speedup of Las Vegas algorithms", IPL 47(4), 1993.
- Saved phases: K. Pipatsrisawat and A. Darwiche, "A lightweight component caching scheme for satisfiability
  solvers", SAT 2007.
- Shorter learned clauses: N. Sörensson and A. Biere, "Minimizing learned clauses", SAT 2009.
- Which learned clauses are worth keeping, and sharing (LBD): G. Audemard and L. Simon, "Predicting learnt clauses
  quality in modern SAT solvers", IJCAI 2009.

A variable `v` has the literals `2 * v` (it is true) and `2 * v + 1` (it is false), so that `^ 1` negates one.
"""

import heapq
import random

DECAY = 0.95
ACTIVITY_MAX = 1e100
LEARNED_MIN = 1000
"""Learned clauses that are kept whatever they are worth."""
LEARNED_SHARE = 0.05
"""How many more of all that were ever learned."""
SHARED_LENGTH_MAX = 8
SHARED_LBD_MAX = 2


def luby(i: int) -> int:
    """Term `i`, from 0, of 1 1 2 1 1 2 4 1 1 2 1 1 2 4 8 ..."""
    size, power = 1, 0
    while size < i + 1:
        size, power = 2 * size + 1, power + 1
    while size - 1 != i:
        size = (size - 1) // 2
        power -= 1
        i %= size
    return 1 << power


class Solver:
    """The state of a search. It may be paused, told more clauses, and resumed."""

    def __init__(self, variables: int, clauses: list[list[int]], seed: int = 0) -> None:
        """Take clauses of literals `1 ... variables`, negated if negative, as DIMACS has them.

        Solvers of different seeds search differently: their first guesses, the order of their first
        decisions and the pace of their restarts are other ones.
        """
        self.variables = variables
        self.value = [0] * (2 * variables + 2)  # of each literal: 1 true, -1 false, 0 open
        self.level = [0] * (variables + 1)
        self.reason: list[list[int] | None] = [None] * (variables + 1)
        self.trail: list[int] = []
        self.starts: list[int] = []  # where each decision level begins on the trail
        self.head = 0  # what is before it on the trail has been propagated
        self.watches: list[list[list[int]]] = [[] for _ in self.value]
        self.clauses: list[list[int]] = []
        self.learned: list[tuple[int, list[int]]] = []  # with their LBD
        self.chance = random.Random(seed)
        guess = self.chance.random
        self.phase = [1 if seed == 0 else int(guess() < 0.5) for _ in range(variables + 1)]
        self.activity = [guess() * 1e-3 if seed else 0.0 for _ in range(variables + 1)]
        self.increment = 1.0
        self.unit = (100, 50, 200, 32)[seed % 4]
        self.conflicts = self.restarts = self.decisions = self.imported = 0
        self.until_restart = self.unit
        self.fresh: list[list[int]] = []  # learned since `share` was last called
        self.told = 0  # units of the trail that `share` has given
        self.is_unsatisfiable = False
        for clause in clauses:
            self.add(clause)
        self.order = [(-self.activity[v], v) for v in range(1, variables + 1)]
        heapq.heapify(self.order)

    # Clauses from outside.

    def add(self, clause: list[int]) -> None:
        """Add a clause, between two calls of `search`."""
        self._back_to(0)
        literals = sorted({2 * x if x > 0 else 1 - 2 * x for x in clause})
        if any(literal ^ 1 in literals or self.value[literal] > 0 for literal in literals):
            return
        literals = [literal for literal in literals if self.value[literal] == 0]
        if not literals:
            self.is_unsatisfiable = True
        elif len(literals) == 1:
            self._assign(literals[0], None)
            self.is_unsatisfiable |= self._propagate() is not None
        else:
            self.clauses.append(literals)
            self._watch(literals)

    def share(self) -> list[list[int]]:
        """What was learned since the last call, and is short enough to be worth sending."""
        self._back_to(0)
        units = [[_signed(literal)] for literal in self.trail[self.told :]]
        self.told = len(self.trail)
        found, self.fresh = self.fresh, []
        return units + [[_signed(literal) for literal in clause] for clause in found]

    def take(self, shared: list[list[int]]) -> None:
        """Add clauses that another solver of the same formula learned."""
        self.imported += len(shared)
        for clause in shared:
            self.add(clause)

    def model(self) -> list[int]:
        """The assignment that `search` found: each variable, negated if it is false."""
        return [v if self.value[2 * v] > 0 else -v for v in range(1, self.variables + 1)]

    # The search.

    def search(self, conflicts: int) -> bool | None:
        """Go on for that many conflicts. None: not decided yet."""
        while not self.is_unsatisfiable:
            conflict = self._propagate()
            if conflict is None:
                if self.until_restart <= 0:
                    self._restart()
                elif conflicts <= 0:
                    return None
                elif not self._decide():
                    return True
                continue
            self.conflicts += 1
            conflicts -= 1
            self.until_restart -= 1
            if not self.starts:
                self.is_unsatisfiable = True
                break
            clause, level, lbd = self._analyse(conflict)
            self._back_to(level)
            if len(clause) == 1:
                self._assign(clause[0], None)
            else:
                self._assign(clause[0], clause)
                self._watch(clause)
                self.learned.append((lbd, clause))
                if lbd <= SHARED_LBD_MAX and len(clause) <= SHARED_LENGTH_MAX:
                    self.fresh.append(clause[:])
            self.increment /= DECAY
        return False

    def _watch(self, clause: list[int]) -> None:
        self.watches[clause[0]].append(clause)
        self.watches[clause[1]].append(clause)

    def _assign(self, literal: int, reason: list[int] | None) -> None:
        variable = literal >> 1
        self.value[literal] = 1
        self.value[literal ^ 1] = -1
        self.level[variable] = len(self.starts)
        self.reason[variable] = reason
        self.trail.append(literal)

    def _propagate(self) -> list[int] | None:
        """Assign what follows from what is assigned; give the clause that is violated, if any.

        Of each clause, the first two literals are watched: as long as neither is false, it implies
        nothing.
        """
        value, watches, trail = self.value, self.watches, self.trail
        levels, reason, level = self.level, self.reason, len(self.starts)
        while self.head < len(trail):
            false = trail[self.head] ^ 1
            self.head += 1
            watching = watches[false]
            kept: list[list[int]] = []
            watches[false] = kept
            for i, clause in enumerate(watching):
                first = clause[0]
                if first == false:
                    first = clause[0] = clause[1]
                    clause[1] = false
                if value[first] > 0:
                    kept.append(clause)
                    continue
                for k in range(2, len(clause)):
                    other = clause[k]
                    if value[other] >= 0:
                        clause[1] = other
                        clause[k] = false
                        watches[other].append(clause)
                        break
                else:
                    kept.append(clause)
                    if value[first] < 0:
                        kept += watching[i + 1 :]
                        return clause
                    value[first] = 1
                    value[first ^ 1] = -1
                    levels[first >> 1] = level
                    reason[first >> 1] = clause
                    trail.append(first)
        return None

    def _decide(self) -> bool:
        """Guess a literal; False if there is none left."""
        value, order = self.value, self.order
        while order:
            _, variable = heapq.heappop(order)
            if value[2 * variable] == 0:
                self.decisions += 1
                self.starts.append(len(self.trail))
                self._assign(2 * variable + self.phase[variable], None)
                return True
        return False

    def _back_to(self, level: int) -> None:
        """Take back all decisions above a level."""
        if len(self.starts) <= level:
            return
        start = self.starts[level]
        value, activity, order = self.value, self.activity, self.order
        for literal in self.trail[start:]:
            variable = literal >> 1
            value[literal] = value[literal ^ 1] = 0
            self.phase[variable] = literal & 1
            heapq.heappush(order, (-activity[variable], variable))
        del self.trail[start:], self.starts[level:]
        self.head = start
        if len(order) > 8 * self.variables + 1000:
            self._reorder()

    def _reorder(self) -> None:
        """Make the queue of decisions anew, without what is stale in it."""
        self.order = [
            (-self.activity[v], v) for v in range(1, self.variables + 1) if not self.value[2 * v]
        ]
        heapq.heapify(self.order)

    def _bump(self, variable: int) -> None:
        activity = self.activity[variable] + self.increment
        self.activity[variable] = activity
        if activity > ACTIVITY_MAX:
            self.activity = [a / ACTIVITY_MAX for a in self.activity]
            self.increment /= ACTIVITY_MAX
            self._reorder()

    def _analyse(self, conflict: list[int]) -> tuple[list[int], int, int]:
        """The clause to learn, the level to go back to, and how many levels it spans.

        Resolves the conflict with the reasons of its literals, latest first, until one literal of
        the current level is left. It stands first in the clause, one of the level to go back to
        second.
        """
        level, reason, trail = self.level, self.reason, self.trail
        now = len(self.starts)
        seen = set()
        clause = [0]
        open_paths, at, literal = 0, len(trail), 0
        because: list[int] = conflict
        while True:
            for other in because:
                variable = other >> 1
                if other == literal or variable in seen or level[variable] == 0:
                    continue
                seen.add(variable)
                self._bump(variable)
                if level[variable] == now:
                    open_paths += 1
                else:
                    clause.append(other)
            at -= 1
            while trail[at] >> 1 not in seen:
                at -= 1
            literal = trail[at]
            open_paths -= 1
            if open_paths == 0:
                break
            because = reason[literal >> 1] or []
        clause[0] = literal ^ 1
        # A literal that the others imply says nothing more.
        kept = [clause[0]]
        for other in clause[1:]:
            implied_by = reason[other >> 1]
            if implied_by is None or any(
                x >> 1 not in seen and level[x >> 1] > 0 for x in implied_by
            ):
                kept.append(other)
        if len(kept) == 1:
            return kept, 0, 1
        second = max(range(1, len(kept)), key=lambda i: level[kept[i] >> 1])
        kept[1], kept[second] = kept[second], kept[1]
        return kept, level[kept[1] >> 1], len({level[x >> 1] for x in kept})

    def _restart(self) -> None:
        """Begin again from the top, with what was learned and with the last guesses."""
        self.restarts += 1
        self.until_restart = self.unit * luby(self.restarts)
        self._back_to(0)
        if len(self.learned) > LEARNED_MIN + LEARNED_SHARE * self.conflicts:
            self._forget()

    def _forget(self) -> None:
        """Drop the worse half of what was learned. Nothing above level 0 is assigned."""
        self.learned.sort(key=lambda pair: (pair[0], len(pair[1])))
        half = len(self.learned) // 2
        self.learned = [pair for i, pair in enumerate(self.learned) if i < half or pair[0] <= 2]
        for watching in self.watches:
            watching.clear()
        for clause in self.clauses:
            self._watch(clause)
        for _, clause in self.learned:
            self._watch(clause)


def _signed(literal: int) -> int:
    return -(literal >> 1) if literal & 1 else literal >> 1
