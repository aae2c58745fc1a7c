"""The programs of `native.py`: twelve that compute, and those that make and look up objects."""

from __future__ import annotations

import heapq
import math
import random
from collections import deque


def nbody(steps: int) -> float:
    x = [0.0, 4.84143144246472090, 8.34336671824457987, 12.8943695621391310, 15.3796971148509165]
    y = [0.0, -1.16032004402742839, 4.12479856412430479, -15.1111514016986312, -25.9193146099879641]
    z = [
        0.0,
        -0.103622044471123109,
        -0.403523417114321,
        -0.223307578892655734,
        0.179258772950371181,
    ]
    vx = [0.0, 0.606326392995832, -1.01077434617879, 1.08279100644153, 0.979090732243897]
    vy = [0.0, 2.81198684491626, 1.82566237123041, 0.868713018169608, 0.594698998647676]
    vz = [0.0, -0.0252183616598876, 0.00841576137658415, -0.0108326374013636, -0.0347559555078104]
    m = [
        39.4784176043574,
        0.0376936749096,
        0.0112863261319687,
        0.00172372405705971,
        0.00203368686992,
    ]
    for _ in range(steps):
        for i in range(5):
            for j in range(i + 1, 5):
                dx = x[i] - x[j]
                dy = y[i] - y[j]
                dz = z[i] - z[j]
                square = dx * dx + dy * dy + dz * dz
                magnitude = 0.01 / (square * math.sqrt(square))
                vx[i] -= dx * m[j] * magnitude
                vy[i] -= dy * m[j] * magnitude
                vz[i] -= dz * m[j] * magnitude
                vx[j] += dx * m[i] * magnitude
                vy[j] += dy * m[i] * magnitude
                vz[j] += dz * m[i] * magnitude
        for i in range(5):
            x[i] += 0.01 * vx[i]
            y[i] += 0.01 * vy[i]
            z[i] += 0.01 * vz[i]
    energy = 0.0
    for i in range(5):
        energy += 0.5 * m[i] * (vx[i] * vx[i] + vy[i] * vy[i] + vz[i] * vz[i])
        for j in range(i + 1, 5):
            dx = x[i] - x[j]
            dy = y[i] - y[j]
            dz = z[i] - z[j]
            energy -= m[i] * m[j] / math.sqrt(dx * dx + dy * dy + dz * dz)
    return energy


def spectral_norm(n: int) -> float:
    u = [1.0] * n
    v = [0.0] * n
    w = [0.0] * n
    for turn in range(20):
        for i in range(n):
            total = 0.0
            for j in range(n):
                total += u[j] / ((i + j) * (i + j + 1) // 2 + i + 1)
            w[i] = total
        for i in range(n):
            total = 0.0
            for j in range(n):
                total += w[j] / ((i + j) * (i + j + 1) // 2 + j + 1)
            v[i] = total
        if turn < 19:
            u, v = v, u
    over = 0.0
    under = 0.0
    for i in range(n):
        over += u[i] * v[i]
        under += u[i] * u[i]
    return math.sqrt(over / under)


def fannkuch(n: int) -> int:
    order = list(range(n))
    count = [0] * n
    most = 0
    checksum = 0
    turn = 0
    r = n
    while True:
        while r != 1:
            count[r - 1] = r
            r -= 1
        perm = [order[i] for i in range(n)]
        flips = 0
        first = perm[0]
        while first != 0:
            low = 0
            high = first
            while low < high:
                perm[low], perm[high] = perm[high], perm[low]
                low += 1
                high -= 1
            flips += 1
            first = perm[0]
        most = max(most, flips)
        if turn % 2 == 0:
            checksum += flips
        else:
            checksum -= flips
        while True:
            if r == n:
                return checksum * 100 + most
            first = order[0]
            for i in range(r):
                order[i] = order[i + 1]
            order[r] = first
            count[r] -= 1
            if count[r] > 0:
                break
            r += 1
        turn += 1


def mandelbrot(size: int, limit: int) -> int:
    total = 0
    for row in range(size):
        ci = 2.0 * row / size - 1.0
        for column in range(size):
            cr = 3.0 * column / size - 2.0
            zr = 0.0
            zi = 0.0
            count = 0
            while count < limit and zr * zr + zi * zi <= 4.0:
                zr, zi = zr * zr - zi * zi + cr, 2.0 * zr * zi + ci
                count += 1
            total += count
    return total


def matmul(size: int) -> float:
    a = [0.0] * (size * size)
    b = [0.0] * (size * size)
    c = [0.0] * (size * size)
    for i in range(size):
        for j in range(size):
            a[i * size + j] = float(i + j) / size
            b[i * size + j] = float(i - j) / size
    for i in range(size):
        for k in range(size):
            left = a[i * size + k]
            for j in range(size):
                c[i * size + j] += left * b[k * size + j]
    trace = 0.0
    for i in range(size):
        trace += c[i * size + i]
    return trace


def sieve(limit: int) -> int:
    composite = [False] * (limit + 1)
    count = 0
    for number in range(2, limit + 1):
        if not composite[number]:
            count += 1
            for multiple in range(number * number, limit + 1, number):
                composite[multiple] = True
    return count


def collatz(limit: int) -> int:
    best = 0
    for start in range(1, limit):
        n = start
        steps = 0
        while n != 1:
            if n % 2 == 0:
                n = n // 2
            else:
                n = 3 * n + 1
            steps += 1
        best = max(best, steps)
    return best


def queens(n: int) -> int:
    full = (1 << n) - 1
    columns = [0] * (n + 1)
    left = [0] * (n + 1)
    right = [0] * (n + 1)
    free = [0] * (n + 1)
    free[0] = full
    row = 0
    solutions = 0
    while row >= 0:
        if free[row] == 0:
            row -= 1
            continue
        bit = free[row] & -free[row]
        free[row] ^= bit
        if row == n - 1:
            solutions += 1
            continue
        columns[row + 1] = columns[row] | bit
        left[row + 1] = ((left[row] | bit) << 1) & full
        right[row + 1] = (right[row] | bit) >> 1
        row += 1
        free[row] = full & ~(columns[row] | left[row] | right[row])
    return solutions


def levenshtein(length: int) -> int:
    seed = 42
    a = [0] * length
    b = [0] * length
    for i in range(length):
        seed = (seed * 1103515245 + 12345) % 2147483648
        a[i] = seed // 65536 % 4
        seed = (seed * 1103515245 + 12345) % 2147483648
        b[i] = seed // 65536 % 4
    row = list(range(length + 1))
    for i in range(1, length + 1):
        diagonal = row[0]
        row[0] = i
        for j in range(1, length + 1):
            cost = diagonal if a[i - 1] == b[j - 1] else diagonal + 1
            diagonal = row[j]
            row[j] = min(cost, row[j] + 1, row[j - 1] + 1)
    return row[length]


def floyd_warshall(n: int) -> int:
    far = 1 << 40
    distance = [far] * (n * n)
    seed = 7
    for i in range(n):
        distance[i * n + i] = 0
        for _ in range(5):
            seed = (seed * 1103515245 + 12345) % 2147483648
            j = seed // 65536 % n
            distance[i * n + j] = min(distance[i * n + j], 1 + seed % 100)
    for k in range(n):
        for i in range(n):
            through = distance[i * n + k]
            for j in range(n):
                length = through + distance[k * n + j]
                if length < distance[i * n + j]:  # noqa: PLR1730 - as people write it
                    distance[i * n + j] = length
    total = 0
    for i in range(n * n):
        if distance[i] < far:
            total += distance[i]
    return total


def black_scholes(paths: int) -> float:
    random.seed(1)
    drift = (0.03 - 0.5 * 0.2 * 0.2) * 1.0
    volatility = 0.2 * math.sqrt(1.0)
    total = 0.0
    for _ in range(paths):
        price = 100.0 * math.exp(drift + volatility * random.gauss(0.0, 1.0))
        total += max(price - 105.0, 0.0)
    return math.exp(-0.03) * total / paths


def kmeans(points: int, turns: int) -> float:
    clusters = 8
    seed = 3
    x = [0.0] * points
    y = [0.0] * points
    for i in range(points):
        seed = (seed * 1103515245 + 12345) % 2147483648
        x[i] = seed / 2147483648
        seed = (seed * 1103515245 + 12345) % 2147483648
        y[i] = seed / 2147483648
    cx = [x[i] for i in range(clusters)]
    cy = [y[i] for i in range(clusters)]
    for _ in range(turns):
        sx = [0.0] * clusters
        sy = [0.0] * clusters
        count = [0] * clusters
        for i in range(points):
            best = 0
            nearest = 1e300
            for c in range(clusters):
                dx = x[i] - cx[c]
                dy = y[i] - cy[c]
                d = dx * dx + dy * dy
                if d < nearest:
                    nearest = d
                    best = c
            sx[best] += x[i]
            sy[best] += y[i]
            count[best] += 1
        for c in range(clusters):
            if count[c] > 0:
                cx[c] = sx[c] / count[c]
                cy[c] = sy[c] / count[c]
    total = 0.0
    for c in range(clusters):
        total += cx[c] * (c + 1) + cy[c]
    return total


def count_words(turns: int) -> int:
    words = "the quick brown fox jumps over the lazy dog and then the dog sleeps".split()
    counts: dict[str, int] = {}
    for turn in range(turns):
        for word in words:
            key = word if turn % 3 else word + "s"
            counts[key] = counts.get(key, 0) + 1
    return counts["the"] * 1000 + len(counts)


def count_numbers(n: int) -> int:
    counts: dict[int, int] = {}
    seed = 1
    for _ in range(n):
        seed = (seed * 1103515245 + 12345) % 2147483648
        key = seed // 65536 % 5000
        counts[key] = counts.get(key, 0) + 1
    return max(counts.values()) * 10000 + len(counts)


def build_text(n: int) -> int:
    text = ""
    for i in range(n):
        text += str(i)
        if i % 10 == 0:
            text += ", "
    parts = [f"{i}:{i * i}" for i in range(n)]
    return len(text) + len(";".join(parts).upper())


def breadth_first(size: int) -> int:
    seen = [False] * (size * size)
    queue: deque[tuple[int, int, int]] = deque()
    queue.append((0, 0, 0))
    seen[0] = True
    last = 0
    while queue:
        row, column, last = queue.popleft()
        for dr, dc in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            r = row + dr
            c = column + dc
            if (
                0 <= r < size
                and 0 <= c < size
                and (r * 7 + c * c) % 11 != 0
                and not seen[r * size + c]
            ):
                seen[r * size + c] = True
                queue.append((r, c, last + 1))
    return last


def dijkstra(n: int) -> float:
    seed = 5
    graph: list[list[tuple[int, float]]] = [[] for _ in range(n)]
    for i in range(n):
        for _ in range(5):
            seed = (seed * 1103515245 + 12345) % 2147483648
            graph[i].append((seed // 65536 % n, 1.0 + seed % 100))
    distance = [1e300] * n
    distance[0] = 0.0
    heap = [(0.0, 0)]
    while heap:
        near, node = heapq.heappop(heap)
        if near > distance[node]:
            continue
        for other, length in graph[node]:
            total = near + length
            if total < distance[other]:
                distance[other] = total
                heapq.heappush(heap, (total, other))
    return sum(d for d in distance if d < 1e299)


def parse_json(turns: int) -> int:
    text = '{"name": "spm", "sizes": [1, 22, 333, {"deep": [4, 5, [6, 7]]}], "more": {"a": 1, "b": [10, 20]}}'
    total = 0
    for _ in range(turns):
        total += parse_value(text, 0)[1]
    return total


def parse_value(text: str, at: int) -> tuple[int, int]:
    """Where a value ends, and the sum of the ints in it."""
    total = 0
    first = text[at]
    if first == "{":
        at = skip(text, at + 1)
        while text[at] != "}":
            at = skip(text, parse_text(text, at))
            at, inner = parse_value(text, skip(text, at + 1))
            total += inner
            at = skip(text, at)
            if text[at] == ",":
                at = skip(text, at + 1)
        return at + 1, total
    if first == "[":
        at = skip(text, at + 1)
        while text[at] != "]":
            at, inner = parse_value(text, at)
            total += inner
            at = skip(text, at)
            if text[at] == ",":
                at = skip(text, at + 1)
        return at + 1, total
    if first == '"':
        return parse_text(text, at), 0
    start = at
    while at < len(text) and text[at].isdigit():
        at += 1
    return at, int(text[start:at])


def parse_text(text: str, at: int) -> int:
    at += 1
    while text[at] != '"':
        at += 1
    return at + 1


def skip(text: str, at: int) -> int:
    while text[at] == " ":
        at += 1
    return at


NUMBERS = [
    (nbody, (50_000,)),
    (spectral_norm, (300,)),
    (fannkuch, (9,)),
    (mandelbrot, (300, 100)),
    (matmul, (200,)),
    (sieve, (2_000_000,)),
    (collatz, (100_000,)),
    (queens, (11,)),
    (levenshtein, (1500,)),
    (floyd_warshall, (200,)),
    (black_scholes, (300_000,)),
    (kmeans, (20_000, 10)),
]
OBJECTS = [
    (count_words, (20_000,)),
    (count_numbers, (500_000,)),
    (build_text, (100_000,)),
    (breadth_first, (300,)),
    (dijkstra, (20_000,)),
    (parse_json, (3_000,)),
]
