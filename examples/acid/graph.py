"""Looks at a graph with many hands: PageRank on an `spm.Team`, and the graph's centre on an `spm.Farm`.

- L. Page, S. Brin, R. Motwani, T. Winograd, "The PageRank citation ranking: bringing order to the web", 1999.
- Breadth-first search by levels: E. F. Moore, "The shortest path through a maze", 1959. The centre of a graph is where
  the farthest node is nearest (C. Jordan, 1869); searches that go deeper than the best one so far give up.
"""

from collections import deque
from typing import Any

import spm

from .library import edges, imported_names

DAMPING = 0.85
TOLERANCE = 1e-10
RANKS = 3
ROOTS = 64
ROOTS_A_TASK = 8

Rows = list[list[int]]
"""For each node, by its number, its neighbours."""


@spm.wasm_closure
def imports(module: str, is_package: bool, text: str) -> list[str]:
    return imported_names(module, is_package, text)


@spm.wasm_closure
def pagerank(links: list[list[int]]) -> list[float]:
    """One rank of the team: it owns every `size`th node, and sends their ranks to the others."""
    team = spm.team
    nodes = len(links)
    mine = range(team.rank, nodes, team.size)
    sources: list[list[int]] = [[] for _ in range(nodes)]
    for node, targets in enumerate(links):
        for target in targets:
            sources[target].append(node)
    ranks = [1.0 / nodes] * nodes
    while True:
        # What has no links gives its rank to all.
        lost = team.allreduce(sum(ranks[node] for node in mine if not links[node]))
        base = (1.0 - DAMPING + DAMPING * lost) / nodes
        new = [
            base + DAMPING * sum(ranks[source] / len(links[source]) for source in sources[node])
            for node in mine
        ]
        change = sum(abs(rank - ranks[node]) for node, rank in zip(mine, new, strict=True))
        for owner, part in enumerate(team.allgather(new)):
            ranks[owner :: team.size] = part
        if team.allreduce(change) < TOLERANCE:
            return ranks


@spm.wasm_closure
def levels_from(neighbours: list[list[int]], roots: list[int]) -> list[list[int] | None]:
    """How far all nodes are from each root; None for roots that cannot be the centre."""
    return [_levels(neighbours, root) for root in roots]


def _levels(neighbours: Rows, root: int) -> list[int] | None:
    levels = [-1] * len(neighbours)
    levels[root] = depth = 0
    front = [root]
    while front:
        reached = []
        for node in front:
            for other in neighbours[node]:
                if levels[other] < 0:
                    levels[other] = depth + 1
                    reached.append(other)
        front = reached
        depth += bool(front)
        # The hub knows how deep the flattest search of all was, of those that are done.
        best = spm.hub.ask({"root": root, "depth": depth, "done": not front})
        if best is not None and depth > best:
            return None
    return levels


class Centre:
    """What the hub knows while the searches go on. It makes no difference to it to be told twice."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self.best: int | None = None
        self.asked = 0

    def on_message(self, task: spm.TaskInfo, report: dict[str, Any]) -> int | None:
        """Hear how deep a search is; answer how deep it may be."""
        del task
        self.asked += 1
        if report["done"] and (self.best is None or report["depth"] < self.best):
            self.best = report["depth"]
        return self.best


def both_ways(links: Rows) -> Rows:
    """The same graph, without directions."""
    joined: list[set[int]] = [set(targets) for targets in links]
    for node, targets in enumerate(links):
        for target in targets:
            joined[target].add(node)
    return [sorted(others) for others in joined]


def levels_plainly(neighbours: Rows, root: int) -> dict[int, int]:
    """How far each node that can be reached is, in a few lines."""
    distance = {root: 0}
    queue = deque([root])
    while queue:
        node = queue.popleft()
        for other in neighbours[node]:
            if other not in distance:
                distance[other] = distance[node] + 1
                queue.append(other)
    return distance


def pagerank_plainly(links: Rows) -> list[float]:
    """The same by pushing ranks along links, a fixed number of times."""
    nodes = len(links)
    ranks = [1.0 / nodes] * nodes
    for _ in range(200):
        lost = sum(rank for rank, targets in zip(ranks, links, strict=True) if not targets)
        new = [(1.0 - DAMPING + DAMPING * lost) / nodes] * nodes
        for rank, targets in zip(ranks, links, strict=True):
            for target in targets:
                new[target] += DAMPING * rank / len(targets)
        ranks = new
    return ranks


def largest_part(neighbours: Rows) -> list[int]:
    """The nodes of the largest part that hangs together."""
    left = set(range(len(neighbours)))
    best: list[int] = []
    while left:
        part = sorted(levels_plainly(neighbours, min(left)))
        left.difference_update(part)
        best = max(best, part, key=len)
    return best


def import_graph(pool: spm.Pool, texts: dict[str, str]) -> tuple[list[str], Rows]:
    """The modules, and what each imports: each parsed in a task."""
    packages = {name.rpartition(".")[0] for name in texts}
    flags = [name in packages for name in texts]
    found = spm.List(pool, imports).run(texts, flags, texts.values())
    return list(texts), edges(dict(zip(texts, found, strict=True)))


def rank(pool: spm.Pool, links: Rows, size: int = RANKS) -> list[float]:
    """The PageRank of each node. All ranks of the team have the same result."""
    results = spm.Team(pool, pagerank, size=size).run(links)
    assert all(result == results[0] for result in results), "the ranks of the team differ"
    return results[0]


def centre(
    pool: spm.Pool, neighbours: Rows, roots: list[int]
) -> tuple[dict[int, list[int]], Centre]:
    """Of `roots`, those that are least far from everything, each with the levels around it."""
    batches = [roots[at : at + ROOTS_A_TASK] for at in range(0, len(roots), ROOTS_A_TASK)]
    hub = Centre()
    results = spm.Farm(pool, levels_from, on_message=hub.on_message).run(
        [neighbours] * len(batches), batches
    )
    found = {
        root: levels
        for batch, rows in zip(batches, results, strict=True)
        for root, levels in zip(batch, rows, strict=True)
        if levels is not None and max(levels) == hub.best
    }
    return found, hub
