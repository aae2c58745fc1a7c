"""Many searches from random starts, and a hub that tells each of the best that any of them has found.

What is sought are binary sequences that look little like themselves when shifted: M. J. E. Golay, "The merit factor of
long low autocorrelation binary sequences", IEEE Trans. Information Theory 28(3), 1982. Each task of the `spm.Farm` starts from a
seed of its own, flips the sign that helps most until none helps, and starts again; before each start it asks the hub whether
that is still worth it.
"""

import random
import sys

import spm

TASKS = 16
STARTS = 100


@spm.wasm_closure
def search(length: int, seed: int) -> tuple[int, list[int]]:
    """The best sequence that one task found, and its energy."""
    chance = random.Random(seed)
    best, kept = length**3, [1] * length
    for _ in range(STARTS):
        # Asking tells the hub, too. Its answer is whether to go on.
        if not spm.hub.ask((best, kept)):
            break
        signs = [chance.choice((-1, 1)) for _ in range(length)]
        energy = descend(signs)
        if energy < best:
            best, kept = energy, signs
    return best, kept


def energy_of(signs: list[int]) -> int:
    """The sum of the squares of what the sequence has in common with its shifted self."""
    n = len(signs)
    return sum(sum(signs[i] * signs[i + k] for i in range(n - k)) ** 2 for k in range(1, n))


def descend(signs: list[int]) -> int:
    """Flip signs for the better until that ends; give the energy then."""
    energy = energy_of(signs)
    while True:
        found, where = energy, -1
        for i in range(len(signs)):
            signs[i] = -signs[i]
            flipped = energy_of(signs)
            if flipped < found:
                found, where = flipped, i
            signs[i] = -signs[i]
        if where < 0:
            return energy
        signs[where] = -signs[where]
        energy = found


class Incumbent:
    """What the hub knows. A report that comes twice makes no difference."""

    def __init__(self, goal: int) -> None:
        """Nothing is known but what would be good enough."""
        self.goal, self.energy, self.signs = goal, 10**9, [1]
        self.asked = 0

    def on_message(self, task: spm.TaskInfo, report: tuple[int, list[int]]) -> bool:
        """Hear of a task's best; answer whether to go on."""
        del task
        self.asked += 1
        energy, signs = report
        if energy < self.energy:
            self.energy, self.signs = energy, signs
        return self.energy > self.goal


BEST_KNOWN = {13: 6, 16: 24, 20: 26, 24: 36, 27: 37}
"""No sequences of these lengths have less: S. Mertens, "Exhaustive search for low-autocorrelation binary sequences", 1996."""


def main() -> None:
    length = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    incumbent = Incumbent(BEST_KNOWN.get(length, 0))
    with spm.pool() as pool:
        farm = spm.Farm(pool, search, on_message=incumbent.on_message)
        results = farm.run([length] * TASKS, range(TASKS))
    energy, signs = min(results)
    print(f"{TASKS} searches, which asked {incumbent.asked} times")
    text = "".join("+-"[sign < 0] for sign in signs)
    print(f"{text} has energy {energy}, so merit factor {length**2 / (2 * energy):.2f}")
    print("best possible:", energy_of(signs) == energy == BEST_KNOWN.get(length))


if __name__ == "__main__":
    main()
