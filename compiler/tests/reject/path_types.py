def f(x: int) -> int:
    if x > 0:
        xs = [1]
    else:
        xs = ['a']
    return len(xs)
