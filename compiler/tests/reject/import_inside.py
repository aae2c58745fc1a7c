def f(x: int) -> int:
    import os
    from random import random
    return x
