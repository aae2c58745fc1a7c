"""The shortest round trip, by branch and bound: tasks make tasks, and all of them know the best trip found so far.

`spm.Template` runs the most promising task first; `spm.task.bound` is the least length that any task has reported, on
whatever host, and a trip that cannot be shorter is not followed any further. J. D. C. Little, K. G. Murty, D. W. Sweeney,
C. Karel, "An algorithm for the traveling salesman problem", Operations Research 11(6), 1963.
"""

import itertools
import math
import random
import sys
from dataclasses import dataclass

import spm

Distances = list[list[int]]
ALONE = 6
"""With so few cities left, a task goes through all orders of them itself."""


@dataclass
class Tour:
    """The beginning of a trip from city 0, and the shortest end that was found for it."""

    cities: list[int]
    cost: int

    def lower_bound(self, distances: Distances) -> int:
        """No trip that begins like this is shorter: each city still to leave is left by its shortest road."""
        left = [self.cities[-1], *self.missing(distances)]
        return self.cost + sum(
            min(road for other, road in enumerate(distances[city]) if other != city)
            for city in left
        )

    def missing(self, distances: Distances) -> list[int]:
        """Cities not visited yet."""
        return [city for city in range(len(distances)) if city not in self.cities]

    def then(self, city: int, distances: Distances) -> "Tour":
        """The same, with one city more."""
        return Tour([*self.cities, city], self.cost + distances[self.cities[-1]][city])


@spm.wasm_closure
def explore(tour: Tour, distances: list[list[int]]) -> Tour | None:
    """Finish a trip, or have its continuations explored."""
    if tour.lower_bound(distances) >= spm.task.bound:
        return None
    missing = tour.missing(distances)
    if len(missing) > ALONE:
        for city in missing:
            longer = tour.then(city, distances)
            bound = longer.lower_bound(distances)
            if bound < spm.task.bound:
                spm.task.spawn(longer, distances, priority=-bound)
        return None
    best = shortest(tour, distances, spm.task.bound)
    if best is not None:
        spm.task.improve(best.cost)
    return best


def shortest(tour: Tour, distances: Distances, bound: float) -> Tour | None:
    """The shortest end of a trip, if the whole is shorter than `bound`."""
    missing = tour.missing(distances)
    if not missing:
        cost = tour.cost + distances[tour.cities[-1]][0]
        return Tour(tour.cities, cost) if cost < bound else None
    best = None
    for city in missing:
        longer = tour.then(city, distances)
        if longer.lower_bound(distances) < bound:
            found = shortest(longer, distances, bound)
            if found is not None:
                best, bound = found, found.cost
    return best


def shortest_tour(pool: spm.Pool, distances: Distances) -> tuple[Tour, int]:
    """The shortest trip, and how many tasks it took."""
    results = spm.Template(pool, explore, best_first=True).run([Tour([0], 0)], [distances])
    best = min((tour for tour in results if tour is not None), key=lambda tour: tour.cost)
    if best.cities[1] > best.cities[-1]:  # the same trip, the other way round
        best.cities[1:] = best.cities[:0:-1]
    return best, len(results)


def by_brute_force(distances: Distances) -> int:
    """The length of the shortest trip of all."""
    return min(
        sum(distances[a][b] for a, b in itertools.pairwise([0, *order, 0]))
        for order in itertools.permutations(range(1, len(distances)))
    )


def roads(cities: int, seed: int) -> Distances:
    """Distances between random places."""
    chance = random.Random(seed)
    places = [(chance.uniform(0, 1000), chance.uniform(0, 1000)) for _ in range(cities)]
    return [[round(math.dist(a, b)) for b in places] for a in places]


def main() -> None:
    cities = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    with spm.pool() as pool:
        small = roads(8, seed=1)
        tour, _ = shortest_tour(pool, small)
        print(f"8 cities: {tour.cost}, and by brute force {by_brute_force(small)}")

        distances = roads(cities, seed=2)
        tour, tasks = shortest_tour(pool, distances)
        trips = math.factorial(cities - 1) // 2
        print(f"{cities} cities: {tour.cost}, one of {trips:,} trips, in {tasks:,} tasks")
        print(" - ".join(map(str, [*tour.cities, 0])))


if __name__ == "__main__":
    main()
