def f(x: int) -> int:
    y = x @ x
    del x.y
    z = unknown(y)
    with z:
        z = 1 + 'a'
    return {*z}
