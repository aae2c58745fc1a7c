def f(x: int) -> int:
    return hash(x) + len(open('a'))
