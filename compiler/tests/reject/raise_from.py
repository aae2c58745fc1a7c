def f(x: int) -> int:
    raise ValueError('a') from KeyError('b')
