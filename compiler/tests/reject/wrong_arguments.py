def f(x: int) -> int:
    return len(x, x) + abs()
