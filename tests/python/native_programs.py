# ruff: noqa: RUF005, RUF007, RUF017 - programs as people write them
"""Small programs of the kind people write first, and the arguments they are tried with."""

import math
from collections.abc import Callable
from typing import Any

Program = tuple[Callable[..., Any], tuple[Any, ...]]
PROGRAMS: list[Program] = []


def program(*calls: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add a function to the table, once for each tuple of arguments."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        PROGRAMS.extend((function, call) for call in calls)
        return function

    return add


@program((6,), (8,))
def n_queens(n: int) -> int:
    cols = [False] * n
    d1 = [False] * (2 * n)
    d2 = [False] * (2 * n)
    return place(0, n, cols, d1, d2)


def place(row, n, cols, d1, d2):
    if row == n:
        return 1
    total = 0
    for c in range(n):
        if cols[c] or d1[row + c] or d2[row - c + n]:
            continue
        cols[c] = d1[row + c] = d2[row - c + n] = True
        total += place(row + 1, n, cols, d1, d2)
        cols[c] = d1[row + c] = d2[row - c + n] = False
    return total


@program(("the quick the lazy dog the end",), ("",))
def word_count(text: str) -> dict[str, int]:
    counts = {}
    for word in text.lower().split():
        counts[word] = counts.get(word, 0) + 1
    return counts


@program(("b a c a b a",))
def top_words(text: str) -> list[tuple[str, int]]:
    counts: dict[str, int] = {}
    for w in text.split():
        if w in counts:
            counts[w] += 1
        else:
            counts[w] = 1
    return sorted(counts.items(), key=lambda kv: (-kv[1], kv[0]))[:2]


@program(([[1.0, 2.0], [3.0, 4.0]], [[0.0, 1.0], [1.0, 0.0]]))
def matmul(a: list[list[float]], b: list[list[float]]) -> list[list[float]]:
    return [[sum(x * y for x, y in zip(row, col)) for col in zip(*b)] for row in a]


@program(([[1, 2, 3], [4, 5, 6]],))
def transpose(m: list[list[int]]) -> list[list[int]]:
    return [list(row) for row in zip(*m)]


@program(([[1, 2, 3], [4, 5, 6]],))
def transpose2(m):
    return [[m[i][j] for i in range(len(m))] for j in range(len(m[0]))]


@program(("k=1;b=22;zz=333",), ("k=1",))
def parse_pairs(s: str) -> dict[str, int]:
    out = {}
    for part in s.split(";"):
        key, value = part.split("=")
        out[key] = int(value)
    return out


@program(({"a": {"b": 1, "c": 4}, "b": {"c": 2, "d": 5}, "c": {"d": 1}, "d": {}}, "a"))
def dijkstra(graph: dict[str, dict[str, int]], start: str) -> dict[str, int]:
    dist = {node: 10**9 for node in graph}
    dist[start] = 0
    todo = set(graph)
    while todo:
        best = None
        for node in todo:
            if best is None or dist[node] < dist[best]:
                best = node
        todo.remove(best)
        for other, w in graph[best].items():
            if dist[best] + w < dist[other]:
                dist[other] = dist[best] + w
    return dist


@program(({"a": {"b": 1}, "b": {}}, "a"))
def dijkstra_min(graph, start):
    dist = {start: 0}
    seen = set()
    while True:
        open_ = [n for n in dist if n not in seen]
        if not open_:
            return dist
        u = min(open_, key=lambda n: dist[n])
        seen.add(u)
        for v, w in graph[u].items():
            d = dist[u] + w
            if v not in dist or d < dist[v]:
                dist[v] = d


@program((12, 18), (0, 5))
def gcd(a: int, b: int) -> int:
    while b:
        a, b = b, a % b
    return a


@program((30,), (2,))
def primes(n: int) -> list[int]:
    sieve = [True] * (n + 1)
    sieve[0:2] = [False, False]
    for i in range(2, int(n**0.5) + 1):
        if sieve[i]:
            sieve[i * i :: i] = [False] * len(sieve[i * i :: i])
    return [i for i, p in enumerate(sieve) if p]


@program((1000, 42))
def monte_carlo(n: int, seed: int) -> float:
    state = seed
    hits = 0
    for _ in range(n):
        state = (1103515245 * state + 12345) % 2**31
        x = state / 2**31
        state = (1103515245 * state + 12345) % 2**31
        y = state / 2**31
        if x * x + y * y <= 1:
            hits += 1
    return 4 * hits / n


@program(("kitten", "sitting"), ("", "abc"))
def levenshtein(a: str, b: str) -> int:
    prev = list(range(len(b) + 1))
    for i, ca in enumerate(a, 1):
        cur = [i]
        for j, cb in enumerate(b, 1):
            cur.append(min(prev[j] + 1, cur[j - 1] + 1, prev[j - 1] + (ca != cb)))
        prev = cur
    return prev[-1]


@program(([("bob", 3), ("al", 3), ("cy", 1)],))
def sort_key(items: list[tuple[str, int]]) -> list[str]:
    items.sort(key=lambda it: (it[1], it[0]), reverse=True)
    return [name for name, _ in items]


@program(([3, 4, 5], [30, 50, 60], 8))
def knapsack(w: list[int], v: list[int], cap: int) -> int:
    best = [[0] * (cap + 1) for _ in range(len(w) + 1)]
    for i in range(1, len(w) + 1):
        for c in range(cap + 1):
            best[i][c] = best[i - 1][c]
            if w[i - 1] <= c:
                best[i][c] = max(best[i][c], best[i - 1][c - w[i - 1]] + v[i - 1])
    return best[len(w)][cap]


@program((200,))
def collatz_cache(n: int) -> tuple[int, int]:
    cache = {1: 1}
    best = (1, 1)
    for start in range(1, n):
        x, chain = start, []
        while x not in cache:
            chain.append(x)
            x = x // 2 if x % 2 == 0 else 3 * x + 1
        length = cache[x]
        for y in reversed(chain):
            length += 1
            cache[y] = length
        best = max(best, (cache[start], start))
    return best


@program((0b1011, 3), (255, 0))
def bits(x: int, k: int):
    return (
        bin(x).count("1"),
        x & (x - 1),
        x ^ (1 << k),
        [(x >> i) & 1 for i in range(8)][::-1],
        f"{x:08b}",
        x.bit_length(),
    )


@program((2024, 2, 28, 3), (1999, 12, 31, 1))
def add_days(y: int, m: int, d: int, n: int) -> tuple[int, int, int]:
    for _ in range(n):
        leap = y % 4 == 0 and (y % 100 != 0 or y % 400 == 0)
        days = [31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        d += 1
        if d > days[m - 1]:
            d = 1
            m += 1
            if m > 12:
                y, m = y + 1, 1
    return y, m, d


@program(([1, 3, 5, 7], 5), ([1, 3], 4), ([], 1))
def bsearch(xs: list[int], x: int) -> int | None:
    lo, hi = 0, len(xs) - 1
    while lo <= hi:
        mid = (lo + hi) // 2
        if xs[mid] == x:
            return mid
        if xs[mid] < x:
            lo = mid + 1
        else:
            hi = mid - 1
    return None


@program(("aaabbc",), ("",))
def rle(s: str) -> list[tuple[str, int]]:
    out = []
    for ch in s:
        if out and out[-1][0] == ch:
            out[-1] = (ch, out[-1][1] + 1)
        else:
            out.append((ch, 1))
    return out


@program(([("a", 3), ("b", 1)],))
def unrle(xs):
    return "".join(c * n for c, n in xs)


@program((1994,), (9,))
def roman(n: int) -> str:
    table = [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ]
    out = ""
    for value, text in table:
        while n >= value:
            out += text
            n -= value
    return out


ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


@program(("MCMXCIV",))
def unroman(s: str) -> int:
    total = 0
    for a, b in zip(s, s[1:] + " "):
        v = ROMAN[a]
        total += -v if b in ROMAN and ROMAN[b] > v else v
    return total


GRID = "530070000600195000098000060800060003400803001700020006060000280000419005000080079"


@program((GRID,))
def sudoku(text: str) -> str:
    board = [int(c) for c in text]
    return "".join(str(v) for v in board) if solve(board) else "none"


def solve(board):
    if 0 not in board:
        return True
    at = board.index(0)
    r, c = divmod(at, 9)
    for v in range(1, 10):
        if all(
            board[r * 9 + i] != v
            and board[i * 9 + c] != v
            and board[(r // 3 * 3 + i // 3) * 9 + c // 3 * 3 + i % 3] != v
            for i in range(9)
        ):
            board[at] = v
            if solve(board):
                return True
            board[at] = 0
    return False


@program(
    ([[0, 1, 0], [0, 1, 0], [0, 1, 0]],),
)
def life(grid: list[list[int]]) -> list[list[int]]:
    h, w = len(grid), len(grid[0])
    new = []
    for r in range(h):
        row = []
        for c in range(w):
            n = sum(
                grid[(r + dr) % h][(c + dc) % w]
                for dr in (-1, 0, 1)
                for dc in (-1, 0, 1)
                if (dr, dc) != (0, 0)
            )
            row.append(1 if n == 3 or (n == 2 and grid[r][c]) else 0)
        new.append(row)
    return new


@program(({(0, 0), (0, 1), (0, 2)},))
def life_set(cells: set[tuple[int, int]]) -> set[tuple[int, int]]:
    counts: dict[tuple[int, int], int] = {}
    for x, y in cells:
        for dx in (-1, 0, 1):
            for dy in (-1, 0, 1):
                if dx or dy:
                    key = (x + dx, y + dy)
                    counts[key] = counts.get(key, 0) + 1
    return {k for k, n in counts.items() if n == 3 or (n == 2 and k in cells)}


@program(([[2.0, 1.0], [5.0, 3.0]],), ([[1.0, 2.0, 3.0], [0.0, 1.0, 4.0], [5.0, 6.0, 0.0]],))
def det(m: list[list[float]]) -> float:
    if len(m) == 1:
        return m[0][0]
    total = 0.0
    for c in range(len(m)):
        minor = [row[:c] + row[c + 1 :] for row in m[1:]]
        total += (-1) ** c * m[0][c] * det(minor)
    return total


@program(([1, 2], [3, 4, 5]))
def poly_mul(a: list[int], b: list[int]) -> list[int]:
    out = [0] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            out[i + j] += x * y
    return out


@program(([1.0, -3.0, 2.0], 1.5))
def horner(coef: list[float], x: float) -> float:
    r = 0.0
    for c in reversed(coef):
        r = r * x + c
    return r


def cube(x):
    return x**3 + math.sin(x)


@program((0.0, 2.0, 100))
def simpson(a: float, b: float, n: int) -> float:
    h = (b - a) / n
    s = cube(a) + cube(b)
    s += 4 * sum(cube(a + i * h) for i in range(1, n, 2))
    s += 2 * sum(cube(a + i * h) for i in range(2, n, 2))
    return s * h / 3


@program((2.0,), (0.0,))
def newton(a: float) -> float:
    x = a or 1.0
    for _ in range(50):
        nxt = 0.5 * (x + a / x)
        if abs(nxt - x) < 1e-12:
            return nxt
        x = nxt
    raise RuntimeError(f"no convergence for {a}")


@program(("A man, a plan, a canal: Panama",), ("nope",))
def palindrome(s: str) -> bool:
    t = [c.lower() for c in s if c.isalnum()]
    return t == t[::-1] and "".join(t)[::-1] == "".join(reversed(t))


@program((["eat", "tea", "tan", "ate", "nat", "bat"],))
def anagrams(words: list[str]) -> list[list[str]]:
    groups = {}
    for w in words:
        key = "".join(sorted(w))
        groups.setdefault(key, []).append(w)
    return sorted([sorted(g) for g in groups.values()], key=len)


@program((["eat", "tea"],))
def anagrams2(words):
    groups = {}
    for w in words:
        key = tuple(sorted(w))
        if key not in groups:
            groups[key] = []
        groups[key].append(w)
    return list(groups.values())


@program(([1, 2, 3],), ([],))
def perms(xs: list[int]) -> list[list[int]]:
    if not xs:
        return [[]]
    out = []
    for i, x in enumerate(xs):
        for rest in perms(xs[:i] + xs[i + 1 :]):
            out.append([x] + rest)
    return out


@program(([[1, 1, 0], [1, 0, 1], [0, 1, 1]], 0, 0, 7))
def flood(grid: list[list[int]], r: int, c: int, color: int) -> list[list[int]]:
    old = grid[r][c]
    stack = [(r, c)]
    while stack:
        y, x = stack.pop()
        if 0 <= y < len(grid) and 0 <= x < len(grid[0]) and grid[y][x] == old and old != color:
            grid[y][x] = color
            stack.extend([(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)])
    return grid


@program((6, [(0, 1), (2, 3), (1, 3)]))
def components(n: int, edges: list[tuple[int, int]]) -> int:
    parent = list(range(n))
    for a, b in edges:
        ra, rb = find(parent, a), find(parent, b)
        if ra != rb:
            parent[ra] = rb
    return len({find(parent, i) for i in range(n)})


def find(parent, x):
    while parent[x] != x:
        parent[x] = parent[parent[x]]
        x = parent[x]
    return x


@program((50,))
def fib_memo(n: int) -> int:
    return fib_go(n, {})


def fib_go(n, memo):
    if n < 2:
        return n
    if n not in memo:
        memo[n] = fib_go(n - 1, memo) + fib_go(n - 2, memo)
    return memo[n]


@program((3,))
def hanoi(n: int) -> list[tuple[str, str]]:
    moves: list[tuple[str, str]] = []
    hanoi_go(n, "A", "B", "C", moves)
    return moves


def hanoi_go(n, a, b, c, moves):
    if n == 0:
        return
    hanoi_go(n - 1, a, c, b, moves)
    moves.append((a, c))
    hanoi_go(n - 1, b, a, c, moves)


@program((3,))
def hanoi_concat(n: int, a: str = "A", b: str = "B", c: str = "C"):
    if n == 0:
        return []
    return hanoi_concat(n - 1, a, c, b) + [(a, c)] + hanoi_concat(n - 1, b, a, c)


@program(('a,"b,c",,d""e',), ("",))
def csv_line(line: str) -> list[str]:
    out, field, quoted = [], "", False
    for ch in line:
        if ch == '"':
            quoted = not quoted
        elif ch == "," and not quoted:
            out.append(field)
            field = ""
        else:
            field += ch
    out.append(field)
    return out


@program(([3, 1, 2],))
def bubble(xs):
    xs = xs[:]
    n = len(xs)
    for i in range(n):
        swapped = False
        for j in range(n - 1 - i):
            if xs[j] > xs[j + 1]:
                xs[j], xs[j + 1] = xs[j + 1], xs[j]
                swapped = True
        if not swapped:
            break
    return xs


@program(([5, 2, 9, 1],))
def mergesort(xs: list[int]) -> list[int]:
    if len(xs) < 2:
        return xs
    mid = len(xs) // 2
    left, right = mergesort(xs[:mid]), mergesort(xs[mid:])
    out = []
    i = j = 0
    while i < len(left) and j < len(right):
        if left[i] <= right[j]:
            out.append(left[i])
            i += 1
        else:
            out.append(right[j])
            j += 1
    return out + left[i:] + right[j:]


@program(("hello world",))
def caesar(s):
    return "".join(chr((ord(c) - 97 + 3) % 26 + 97) if c.isalpha() else c for c in s)


@program(("(a[b]{c})",), ("(]",))
def brackets(s):
    pairs = {")": "(", "]": "[", "}": "{"}
    stack = []
    for c in s:
        if c in "([{":
            stack.append(c)
        elif c in pairs:
            if not stack or stack.pop() != pairs[c]:
                return False
    return not stack


@program(("3 4 + 2 *",))
def rpn(s):
    st = []
    for tok in s.split():
        if tok in ("+", "-", "*"):
            b, a = st.pop(), st.pop()
            if tok == "+":
                st.append(a + b)
            elif tok == "-":
                st.append(a - b)
            else:
                st.append(a * b)
        else:
            st.append(int(tok))
    return st[0]


@program((10,))
def pascal(n):
    rows = [[1]]
    for _ in range(n):
        r = rows[-1]
        rows.append([1] + [a + b for a, b in zip(r, r[1:])] + [1])
    return rows


@program(([1.0, 2.0, 3.0, 4.0],))
def stats(xs):
    n = len(xs)
    mean = sum(xs) / n
    var = sum((x - mean) ** 2 for x in xs) / (n - 1)
    s = sorted(xs)
    med = s[n // 2] if n % 2 else (s[n // 2 - 1] + s[n // 2]) / 2
    return {"mean": mean, "std": math.sqrt(var), "median": med, "max": max(xs)}


@program(([1, 2, 3, 4], 2))
def combos(xs, k):
    if k == 0:
        return [[]]
    if not xs:
        return []
    return [[xs[0]] + c for c in combos(xs[1:], k - 1)] + combos(xs[1:], k)


@program(([(0, 0), (1, 5), (2, 1)],))
def closest(points):
    best = None
    for i in range(len(points)):
        for j in range(i + 1, len(points)):
            d = math.dist(points[i], points[j])
            if best is None or d < best:
                best = d
    return best


@program((4,))
def spiral(n):
    grid = [[0] * n for _ in range(n)]
    r = c = 0
    dr, dc = 0, 1
    for k in range(1, n * n + 1):
        grid[r][c] = k
        if not (0 <= r + dr < n and 0 <= c + dc < n and grid[r + dr][c + dc] == 0):
            dr, dc = dc, -dr
        r, c = r + dr, c + dc
    return grid


@program(({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []},))
def topo(graph):
    indeg = {n: 0 for n in graph}
    for n in graph:
        for m in graph[n]:
            indeg[m] += 1
    queue = [n for n in graph if indeg[n] == 0]
    order = []
    while queue:
        n = queue.pop(0)
        order.append(n)
        for m in graph[n]:
            indeg[m] -= 1
            if indeg[m] == 0:
                queue.append(m)
    return order


@program(("abcabcbb",))
def longest_unique(s):
    last, start, best = {}, 0, 0
    for i, c in enumerate(s):
        if c in last and last[c] >= start:
            start = last[c] + 1
        last[c] = i
        best = max(best, i - start + 1)
    return best


@program((255, 16), (0, 2))
def to_base(n, b):
    digits = "0123456789abcdef"
    if n == 0:
        return "0"
    out = []
    while n:
        n, r = divmod(n, b)
        out.append(digits[r])
    return "".join(reversed(out))


@program((3,))
def print_triangle(n):
    for i in range(n):
        print(" " * (n - i), "*" * (2 * i + 1), sep="")


@program(([1, None, 3],))
def skip_none(xs: list[int | None]) -> int:
    return sum(x for x in xs if x is not None)


@program((b"\x01\x02\xff",))
def checksum(data: bytes) -> int:
    c = 0
    for b in data:
        c = ((c << 1) ^ b) & 0xFFFF
    return c


@program(("x",), (3,), (None,))
def kind(v: int | str | None) -> str:
    if isinstance(v, int):
        return "int"
    if v is None:
        return "none"
    return "str " + v


@program((7,))
def while_else(n):
    i = 2
    while i * i <= n:
        if n % i == 0:
            break
        i += 1
    else:
        return True
    return False


@program(([[1, 2], [3]],))
def flatten(xs):
    return [y for x in xs for y in x], sum(xs, [])


@program((5,))
def dictcomp(n):
    d = {i: i * i for i in range(n)}
    inv = {v: k for k, v in d.items()}
    del d[0]
    return d, inv, list(d), sum(d.values()), max(d, key=d.get), sorted(d, reverse=True)


@program((20,))
def any_prime(n):
    return [x for x in range(2, n) if not any(x % d == 0 for d in range(2, int(math.sqrt(x)) + 1))]
