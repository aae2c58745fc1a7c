def f(x: int):
    if x > 0:
        return [1]
    return ['a']
