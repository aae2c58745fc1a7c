def f(n: int) -> list:
    xs = [0] * n
    for i in range(n):
        xs[i] = i * 0.5
    return xs
