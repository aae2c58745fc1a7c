def f(x: int) -> list:
    xs = [x, 2.5]
    xs.append('a')
    return xs
