def f(x: int) -> int:
    import collections
    import functools
    import heapq
    import itertools
    import random

    heap = ["a"]
    heapq.heappush(heap, x)
    heapq.heappop()
    pairs = itertools.combinations([1, 2], 2)
    groups = itertools.groupby([x])
    random.seed("text")
    cached = functools.lru_cache(None)
    d = collections.defaultdict(lambda: x)
    collections.ChainMap()
    return x
