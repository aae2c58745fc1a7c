"""What `random` does; see `compiler/src/library.rs` for how this is read.

`random`, `seed`, `getrandbits` and `gauss` are the runtime's. All take numbers from the generator in the
order in which CPython does.
"""

from __future__ import annotations

import math
import random

Seq = object


def uniform(a, b):
    return a + (b - a) * random.random()


def triangular(low=0.0, high=1.0, mode=None):
    if mode is None:
        result = _triangular_even(low, high)
    else:
        result = _triangular(low, high, mode)
    return result


def randrange(start, stop=None, step=1):
    if stop is None:
        if given(step):
            raise TypeError("Missing a non-None stop argument")
        result = _below_start(start)
    elif given(step):
        result = _range_step(start, stop, step)
    else:
        result = _range(start, stop)
    return result


def randint(a, b):
    return _range(a, b + 1)


def choice(seq: Seq):
    if len(seq) == 0:
        raise IndexError("Cannot choose from an empty sequence")
    return seq[_below(len(seq))]


def shuffle(x):
    _shuffle(x)


def sample(population: Seq, k):
    return _sample(population, k)


def choices(population: Seq, weights=None, *, cum_weights=None, k=1):
    if weights is not None:
        if cum_weights is not None:
            raise TypeError("Cannot specify both weights and cumulative weights")
        result = _choose(population, _sums(weights), k)
    elif cum_weights is not None:
        result = _choose(population, cum_weights, k)
    else:
        result = _choose_equally(population, k)
    return result


def normalvariate(mu=0.0, sigma=1.0):
    return _normal(mu, sigma)


def lognormvariate(mu, sigma):
    return math.exp(_normal(mu, sigma))


def expovariate(lambd):
    return -math.log(1.0 - random.random()) / lambd


def paretovariate(alpha):
    return (1.0 - random.random()) ** (-1.0 / alpha)


def weibullvariate(alpha, beta):
    return alpha * (-math.log(1.0 - random.random())) ** (1.0 / beta)


def _below(n):
    bits = n.bit_length()
    number = random.getrandbits(bits)
    while number >= n:
        number = random.getrandbits(bits)
    return number


def _below_start(n):
    if n > 0:
        return _below(n)
    raise ValueError("empty range for randrange()")


def _range(start, stop):
    width = stop - start
    if width > 0:
        return start + _below(width)
    raise ValueError(f"empty range for randrange() ({start}, {stop}, {width})")


def _range_step(start, stop, step):
    width = stop - start
    if step == 1:
        if width > 0:
            return start + _below(width)
        raise ValueError(f"empty range for randrange() ({start}, {stop}, {width})")
    if step > 0:
        count = (width + step - 1) // step
    elif step < 0:
        count = (width + step + 1) // step
    else:
        raise ValueError("zero step for randrange()")
    if count <= 0:
        raise ValueError("empty range for randrange()")
    return start + step * _below(count)


def _shuffle(x):
    for i in range(len(x) - 1, 0, -1):
        j = _below(i + 1)
        x[i], x[j] = x[j], x[i]


def _sample(population, k):
    n = len(population)
    if k < 0 or k > n:
        raise ValueError("Sample larger than population or is negative")
    set_size = 21
    if k > 5:
        set_size += 4 ** math.ceil(math.log(k * 3, 4))
    pool = list(population)
    result = []
    if n <= set_size:
        for i in range(k):
            j = _below(n - i)
            result.append(pool[j])
            pool[j] = pool[n - i - 1]
    else:
        selected = set()
        for _ in range(k):
            j = _below(n)
            while j in selected:
                j = _below(n)
            selected.add(j)
            result.append(pool[j])
    return result


def _sums(weights):
    total = 0
    sums = []
    for weight in weights:
        total = total + weight
        sums.append(total)
    return sums


def _choose(population, sums, k):
    n = len(population)
    if len(sums) != n:
        raise ValueError("The number of weights does not match the population")
    total = sums[-1] + 0.0
    if total <= 0.0:
        raise ValueError("Total of weights must be greater than zero")
    if not math.isfinite(total):
        raise ValueError("Total of weights must be finite")
    result = []
    for _ in range(k):
        x = random.random() * total
        begin = 0
        end = n - 1
        while begin < end:
            middle = (begin + end) // 2
            if x < sums[middle]:
                end = middle
            else:
                begin = middle + 1
        result.append(population[begin])
    return result


def _choose_equally(population, k):
    n = len(population) + 0.0
    return [population[math.floor(random.random() * n)] for _ in range(k)]


def _triangular_even(low, high):
    u = random.random()
    if u > 0.5:
        return high + (low - high) * math.sqrt((1.0 - u) * 0.5)
    return low + (high - low) * math.sqrt(u * 0.5)


def _triangular(low, high, mode):
    u = random.random()
    if high == low:
        return low
    c = (mode - low) / (high - low)
    if u > c:
        u = 1.0 - u
        c = 1.0 - c
        low, high = high, low
    return low + (high - low) * math.sqrt(u * c)


def _normal(mu, sigma):
    magic = 4 * math.exp(-0.5) / math.sqrt(2.0)
    while True:
        u1 = random.random()
        u2 = 1.0 - random.random()
        z = magic * (u1 - 0.5) / u2
        if z * z / 4.0 <= -math.log(u2):
            return mu + z * sigma
