def f(x: int) -> int:
    g = lambda y: y + 1
    fs = [lambda y: y, g]
    return fs[0](x)
