def f(x: int) -> int:
    def apply(g, y):
        return g(y)
    total = 0
    for k in range(x):
        total += apply(lambda y: y + k, k)
    found = [apply(lambda y: y + z, 1) for z in range(x)]
    chosen = apply if x else (lambda g, y: y)
    return lambda: total
