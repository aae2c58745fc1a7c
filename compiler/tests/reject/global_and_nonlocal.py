def f(x: int) -> int:
    global count
    count = x
    return x
