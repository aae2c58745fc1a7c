def f(x: int) -> int:
    return (lambda *rest, **options: x)(x, 1)
