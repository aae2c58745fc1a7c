async def f(x: int) -> int:
    return await x
