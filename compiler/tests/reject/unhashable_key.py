def f(x: int) -> dict:
    return {[x]: 1}
