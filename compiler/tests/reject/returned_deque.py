def f(x: int):
    from collections import deque

    return deque([x])
