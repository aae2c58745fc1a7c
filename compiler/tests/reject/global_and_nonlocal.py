def f(x: int) -> int:
    global count
    count = x
    y = 1
    def g():
        nonlocal y
        y = x
        del y
    g()
    return x
