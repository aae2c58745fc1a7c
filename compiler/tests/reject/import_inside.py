def f(x: int) -> int:
    import os
    from secrets import token_hex
    return x
