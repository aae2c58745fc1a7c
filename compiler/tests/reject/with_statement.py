def f(x: int) -> int:
    with open('a') as file:
        x += 1
    with x as y:
        return y
