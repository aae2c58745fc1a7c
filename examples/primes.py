"""Counts primes with the same code on three kinds of pool, then shows a task that fails.

Run it with `python examples/primes.py [up to]`.
"""

import sys
import time
import traceback

import spm


@spm.wasm_closure
def count_primes(lo: int, hi: int) -> int:
    count = 0
    for n in range(max(lo, 2), hi):
        prime = True
        divisor = 2
        while divisor * divisor <= n:
            if n % divisor == 0:
                prime = False
                break
            divisor += 1
        if prime:
            count += 1
    return count


@spm.wasm_closure
def share(total: int, parts: list[int]) -> int:
    return total // len(parts)


def primes_below(limit: int, pool: spm.Pool, pieces: int = 64) -> int:
    """The parallel program. What is in `pool` makes no difference to it."""
    step = -(-limit // pieces)
    starts = range(0, limit, step)
    return sum(pool.map(count_primes, starts, (min(lo + step, limit) for lo in starts)))


def main() -> None:
    """Run on each pool, and compare."""
    limit = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000
    pools = {
        "serial": spm.serial,
        "laptop": spm.laptop,
        "laptop, processes": lambda: spm.laptop(processes=True),
    }
    first = 0.0
    for name, make in pools.items():
        with make() as pool:
            primes_below(1000, pool)  # compiled here, defined on the hosts
            began = time.perf_counter()
            count = primes_below(limit, pool)
            took = time.perf_counter() - began
        first = first or took
        print(f"{name:18} {count:,} primes below {limit:,} in {took:.2f} s, {first / took:.1f} x")

    print("\nA task that divides by zero, on a host process:\n", flush=True)
    with spm.laptop(1, processes=True) as pool:
        try:
            pool.submit(share, 10, []).result()
        except ZeroDivisionError:
            traceback.print_exc(file=sys.stdout)


if __name__ == "__main__":
    main()
