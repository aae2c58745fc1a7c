def f(x: int) -> int:
    class A:
        pass
    return x
