def f(x: int):
    for i in range(x):
        yield i
