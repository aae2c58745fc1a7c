"""Functions of texts, tuples and dicts that are compiled without making objects, as CPython runs them."""

from hypothesis import strategies as st

from native_table import case, count, floats, small, wide, words

quiet = st.floats(allow_nan=False)
letters = st.text(alphabet="ab\u00e9\u4e16\U0001f600 x", max_size=12)


@case(st.lists(words, max_size=30), count)
def text_that_grows(parts: list[str], at: int) -> tuple[str, list[str], str, dict[str, int]]:
    text = ""
    kept = []
    seen = {}
    other = text
    for i, part in enumerate(parts):
        text += part
        if i % 3 == 0:
            other = text
        if i % 4 == at % 4:
            kept.append(text)
            seen[text] = i
        text = text + "-"
        if i % 5 == 2:
            text += text
        if len(text) > 500:
            text = text[:3]
    seen[text] = -1
    return text, kept, other, seen


@case(words, words, count)
def text_of_a_parameter(text: str, more: str, n: int) -> tuple[str, str]:
    first = text
    for _ in range(n):
        text += more
    return first, text + lengthened(text, more) + text


def lengthened(text: str, more: str) -> str:
    text += more
    text += text
    return text


@case(letters, st.integers(-14, 14))
def letters_of_text(text: str, at: int) -> tuple[list[bool], list[str], bool]:
    found = [c == "x" for c in text]
    found += [text[i] != "a" for i in range(-len(text), len(text))]
    found.append(text == "b")
    twice = [c + c for c in text]
    return found, [*twice, *list(text)], text[at] == " "


@case(small, small, small, small)
def tuples_of_ints(a: int, b: int, c: int, d: int) -> list[bool]:
    x, y = (a, b), (c, d)
    return [x < y, x <= y, x > y, x >= y, x == y, x != y, x < x, x == x]


@case(quiet, words, quiet, words)
def tuples_of_floats_and_texts(a: float, s: str, b: float, t: str) -> list[bool]:
    x, y = (a, s, True), (b, t, False)
    same = (a, t, True)
    out = [x < y, x <= y, x > y, x >= y, x == y, x != y]
    return [*out, x < same, x >= same, x == same, (s,) < (t,), (s, a) <= (s, b)]


@case(st.lists(st.tuples(quiet, wide), max_size=10))
def least_of_tuples(xs: list[tuple[float, int]]) -> tuple[float, int]:
    best = (float("inf"), 2**62)
    for x in xs:
        if x < best:
            best = x
    return min(best, max(xs, default=best))


@case(floats, small)
def tuples_with_a_nan(x: float, n: int) -> list[bool]:
    y = 0.5
    return [(x, n) < (y, n), (y, n) >= (x, n), (x, n) == (y, n), (n, y) != (n, x)]


@case(count, count)
def constant_loops(n: int, m: int) -> list[int]:
    out = []
    for dr, dc in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        out.append((n + dr) * 100 + m + dc)
    for x in [1, 2, 3]:
        out.append(x * n)
    out += [len(word) for word in ("one", "three", "")]
    return out + [int(x * 10) for x in (0.5, -1.5, 2.25)]


@case(st.lists(words, max_size=12))
def constant_tuples_apart(parts: list[str]) -> list[tuple[str, int]]:
    out = []
    for pair in (("a", 1), ("b", 2)):
        for part in parts:
            out.append((pair[0] + part, pair[1]))
    return sorted(out)


@case(st.dictionaries(words, small, max_size=20), st.lists(words, max_size=20))
def words_of_a_dict(start: dict[str, int], keys: list[str]) -> list[int]:
    d = dict(start)
    out = []
    for key in keys:
        grown = key + "s"
        d[grown] = d.get(grown, 0) + d.get(key, 5)
        out.append(d[grown])
    return [*out, len(d), *d.values()]
