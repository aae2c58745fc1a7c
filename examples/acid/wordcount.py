"""Counts words, on an `spm.Aggregate`: J. Dean and S. Ghemawat, "MapReduce", OSDI 2004, with its first example."""

import re
from collections import Counter
from collections.abc import Iterable

import spm

WORD = re.compile(r"[A-Za-z_]\w*")


@spm.wasm_closure
def count(text: str) -> list[tuple[str, int]]:
    """Map: each word of a text, and how often it stands there."""
    return list(Counter(WORD.findall(text)).items())


@spm.wasm_closure
def add(word: str, counts: list[int]) -> int:
    """Combine and reduce: `word` is not looked at."""
    del word
    return sum(counts)


def words(pool: spm.Pool, texts: Iterable[str]) -> dict[str, int]:
    """How often each word stands in all texts together."""
    return spm.Aggregate(pool, map=count, combine=add, reduce=add).run(texts)


def words_plainly(texts: Iterable[str]) -> dict[str, int]:
    """The same, in one thread and one expression."""
    return Counter(word for text in texts for word in WORD.findall(text))
