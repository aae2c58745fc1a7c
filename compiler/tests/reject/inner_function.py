def f(x: int) -> int:
    def g(y):
        return y
    return g(x)
