def f(x: int) -> int:
    for i in x:
        x += i
    return x
