def f(x: int) -> int:
    with open('a') as file:
        return x
