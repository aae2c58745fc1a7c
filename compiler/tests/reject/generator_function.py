def f(x: int) -> int:
    def g(n):
        try:
            yield n
        finally:
            n += 1
        try:
            yield n
        except BaseException:
            n = 0
        y = yield n
        return 3
    def h(n):
        yield n
    print(h(1))
    counts = {h(1): 2}
    items = h(1)
    items.send(1)
    for y in g(x):
        return y
    return len(h(x))
