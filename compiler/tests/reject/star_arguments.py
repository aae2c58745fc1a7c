def f(x: int) -> int:
    return max(*[x, 1])
