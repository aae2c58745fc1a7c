def f(x: int) -> str:
    return 'a' + x
