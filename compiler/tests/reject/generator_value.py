def f(x: int) -> int:
    squares = (i * i for i in range(x))
    return x
