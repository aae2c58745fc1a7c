from typing import Generic, TypeVar
K=TypeVar("K")
R=TypeVar("R")
class Aggregate(Generic[K, R]):
    pass
