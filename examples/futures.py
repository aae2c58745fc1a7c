"""A pool is an executor of `concurrent.futures`; its futures can be awaited and stopped, too."""

import asyncio
from concurrent.futures import as_completed

import spm


@spm.wasm_closure
def collatz(n: int) -> int:
    steps = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps


@spm.wasm_closure
def forever(n: int) -> int:
    while n >= 0:
        n = (n + 1) % 1000
    return n


async def steps_of(pool: spm.Pool, numbers: list[int]) -> list[int]:
    return await asyncio.gather(*(pool.submit(collatz, n) for n in numbers))


def main() -> None:
    with spm.pool() as pool:  # what the environment variable SPM_POOL names, or laptop()
        numbers = {pool.submit(collatz, n): n for n in (27, 97, 871)}
        for future in as_completed(numbers):
            print(f"{numbers[future]} takes {future.result()} steps")

        print(asyncio.run(steps_of(pool, [6171, 77031])))

        endless = pool.submit(forever, 0)
        print("stopped:", endless.cancel())


if __name__ == "__main__":
    main()
