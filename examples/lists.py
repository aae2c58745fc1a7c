"""`spm.List`: a say in what happens when tasks fail, and a look at how far a run is."""

import math

import spm


@spm.wasm_closure
def root(x: float) -> float:
    return math.sqrt(x)


def decide(error: spm.TaskError) -> spm.Substitute | spm.Raise:
    """Answer each failure: a negative number has no root here, anything else is a bug."""
    return spm.Substitute(math.nan) if isinstance(error, ValueError) else spm.Raise()


def main() -> None:
    with spm.pool() as pool:
        # Exceptions stand in place of results.
        mixed = spm.List(pool, root, on_error="collect").run([4.0, -1.0, 9.0])
        print(
            [type(result).__name__ if isinstance(result, Exception) else result for result in mixed]
        )
        print(len(mixed.failures), "failed;", mixed.stats.done, "tasks done")

        # A handler answers for each.
        print(list(spm.List(pool, root, on_error=decide).run([4.0, -1.0, 9.0])))

        # As they come, from input without an end.
        numbers = (float(n) for n in iter(int, 1))
        with spm.List(pool, root).stream(numbers, ordered=False) as results:
            print([next(results) for _ in range(3)])

        # Who wants to know is told how far it is.
        reports: list[spm.Progress] = []
        spm.List(pool, root, progress=reports.append).run([float(n) for n in range(1000)])
        print(reports[-1].done, "of", reports[-1].total)


if __name__ == "__main__":
    main()
