def f(x: int) -> int:
    match {'a': x}:
        case {'a': 1, **rest}:
            return 2
    match (x, x):
        case (1, y) | (y, 1):
            return y
        case Point(x=1):
            return 3
    return x
