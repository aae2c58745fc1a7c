def f(x: int, *rest, **options) -> int:
    return x
