def f(x: int) -> int:
    total = 0
    for k in range(x):
        squares = (i * k for i in range(x))
        total += next(squares)
    keys = (key for key in {1: 2})
    return total
