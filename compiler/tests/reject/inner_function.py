def f(x: int) -> int:
    def g(y, z=x):
        return y
    h = g
    for i in range(x):
        def k(y):
            return y + 1
    if x:
        def k(y):
            return y + 2
    return [g][0](k(x)) + late(x)
    def late(y):
        return y + w
    w = 1
