def f(x: int) -> int:
    return vars(x) + len(open('a'))
