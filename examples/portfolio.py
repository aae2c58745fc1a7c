"""NumPy inside the sandbox: what a portfolio may lose in a year, by Monte Carlo, a part in each task.

Nothing says which engine it takes: the function uses NumPy, and so the `scientific` engine runs it
(`pip install spm-mesh[scientific]`). Arrays cross as typed arrays; NumPy's generator is seeded anew
for each task.
"""

import numpy as np

import spm

DAYS = 252
WEIGHTS = np.array([0.5, 0.3, 0.2])
DRIFT = np.array([0.07, 0.04, 0.10])
COVARIANCE = np.array([[0.030, 0.006, 0.018], [0.006, 0.010, 0.008], [0.018, 0.008, 0.060]])


@spm.wasm_closure
def simulate(paths: int) -> np.ndarray:
    """Values at the end of a year of what is 1.0 at its beginning."""
    root = np.linalg.cholesky(COVARIANCE / DAYS)
    values = np.ones((paths, len(WEIGHTS)))
    for _ in range(DAYS):
        moves = np.random.standard_normal((paths, len(WEIGHTS))) @ root.T
        values *= np.exp(DRIFT / DAYS - np.diag(COVARIANCE) / (2 * DAYS) + moves)
    return values @ WEIGHTS


@spm.wasm_closure
def weigh(weights: np.ndarray) -> np.ndarray:
    """Make weights of one, or raise why not."""
    if weights.shape != WEIGHTS.shape:
        raise np.linalg.LinAlgError(f"{weights.shape} weights, and {len(WEIGHTS)} assets")
    return weights / weights.sum()


def main() -> None:
    with spm.pool() as pool:
        values = np.concatenate(list(pool.map(simulate, [500] * 8)))
        print(f"{len(values)} paths of {DAYS} days, in the `{simulate.engine}` engine")
        lost = 1 - np.quantile(values, [0.05, 0.01])
        print(f"value at risk: {lost[0]:.0%} in one year of 20, {lost[1]:.0%} in one of 100")
        print("weights:", pool.submit(weigh, np.array([2.0, 1.0, 1.0])).result())
        try:
            pool.submit(weigh, np.ones(2)).result()
        except np.linalg.LinAlgError as error:
            print("refused:", error)


if __name__ == "__main__":
    main()
