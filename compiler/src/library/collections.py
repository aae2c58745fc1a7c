"""What `collections` does; see `compiler/src/library.rs` for how this is read.

A deque is a list whose first items are gone, and a list of three ints: how many are gone, how often the
deque was changed, and its greatest length or -1. The others are dicts. Methods have the class before their
name; a deque's take its two lists, the others' their dict.
"""

from __future__ import annotations

Call = Iter = object


def deque(iterable: Iter = (), maxlen=None):
    if given(iterable):
        items = [x for x in iterable]
    else:
        items = []
    limit = -1
    if maxlen is not None:
        if maxlen < 0:
            raise ValueError("maxlen must be non-negative")
        limit = maxlen
        if len(items) > limit:
            del items[: len(items) - limit]
    return (items, [0, 0, limit])


def deque_append(items, state, x):
    items.append(x)
    state[1] += 1
    if state[2] >= 0:
        _deque_trim(items, state)


def deque_appendleft(items, state, x):
    if state[0] == 0:
        room = max(len(items), 4)
        items[0:0] = [x] * room
        state[0] = room
    state[0] -= 1
    items[state[0]] = x
    state[1] += 1
    if state[2] >= 0 and len(items) - state[0] > state[2]:
        items.pop()


def deque_pop(items, state):
    if state[0] >= len(items):
        raise IndexError("pop from an empty deque")
    state[1] += 1
    return items.pop()


def deque_popleft(items, state):
    head = state[0]
    if head >= len(items):
        raise IndexError("pop from an empty deque")
    x = items[head]
    state[0] = head + 1
    state[1] += 1
    if head > 30 and head + head > len(items):
        _deque_compact(items, state)
    return x


def deque_extend(items, state, iterable: Iter):
    for x in [y for y in iterable]:
        items.append(x)
        state[1] += 1
        if state[2] >= 0:
            _deque_trim(items, state)


def deque_extendleft(items, state, iterable: Iter):
    for x in [y for y in iterable]:
        if state[0] == 0:
            room = max(len(items), 4)
            items[0:0] = [x] * room
            state[0] = room
        state[0] -= 1
        items[state[0]] = x
        state[1] += 1
        if state[2] >= 0 and len(items) - state[0] > state[2]:
            items.pop()


def deque_clear(items, state):
    items.clear()
    state[0] = 0
    state[1] += 1


def deque_copy(items, state):
    return (items[state[0] :], [0, 0, state[2]])


def deque_rotate(items, state, n=1):
    _deque_rotate(items, state, n)


def deque_reverse(items, state):
    _deque_compact(items, state)
    items.reverse()
    state[1] += 1


def deque_count(items, state, x):
    return items[state[0] :].count(x)


def deque_contains(items, state, x):
    return x in items[state[0] :]


def deque_index(items, state, x, start=0, stop=None):
    _deque_compact(items, state)
    return _deque_index(items, x, start, len(items) if stop is None else stop)


def deque_insert(items, state, i, x):
    if state[2] >= 0 and len(items) - state[0] >= state[2]:
        raise IndexError("deque already at its maximum size")
    _deque_compact(items, state)
    items.insert(i, x)
    state[1] += 1


def deque_remove(items, state, x):
    _deque_compact(items, state)
    if x not in items:
        raise ValueError("deque.remove(x): x not in deque")
    items.remove(x)
    state[1] += 1


def deque_len(items, state):
    return len(items) - state[0]


def deque_list(items, state):
    return items[state[0] :]


def deque_getitem(items, state, i):
    return items[_deque_at(len(items), state[0], i)]


def deque_setitem(items, state, i, x):
    items[_deque_at(len(items), state[0], i)] = x


def deque_delitem(items, state, i):
    del items[_deque_at(len(items), state[0], i)]
    state[1] += 1


def deque_maxlen(items, state):
    return None if state[2] < 0 else state[2]


def deque_repr(items, state):
    text = "deque(" + repr(items[state[0] :])
    return text + ", maxlen=" + str(state[2]) + ")" if state[2] >= 0 else text + ")"


def defaultdict_getitem(self, key, factory: Call):
    if key not in self:
        made = factory()
        self[key] = made
    return self[key]


def defaultdict_getitem_plain(self, key, factory: Call):
    return self.setdefault(key, factory())


def Counter(iterable: Iter = ()):  # noqa: N802
    counts = {}
    if given(iterable):
        for x in iterable:
            counts[x] = counts.get(x, 0) + 1
    return counts


def Counter_getitem(self, key):  # noqa: N802
    return self.get(key, 0)


def Counter_delitem(self, key):  # noqa: N802
    if key in self:
        del self[key]


def Counter_most_common(self, n=None):  # noqa: N802
    common = sorted(self.items(), key=lambda pair: pair[1], reverse=True)
    if n is None:
        return_value = common
    else:
        return_value = common[: max(n, 0)]
    return return_value


def Counter_elements(self):  # noqa: N802
    items = []
    for key, times in self.items():
        for _ in range(times):
            items.append(key)
    return items


def Counter_total(self):  # noqa: N802
    return sum(self.values())


def Counter_update(self, iterable: Iter = ()):  # noqa: N802
    if given(iterable):
        for x in iterable:
            self[x] = self.get(x, 0) + 1


def Counter_update_counts(self, other):  # noqa: N802
    for key, times in other.items():
        self[key] = self.get(key, 0) + times


def Counter_subtract(self, iterable: Iter = ()):  # noqa: N802
    if given(iterable):
        for x in iterable:
            self[x] = self.get(x, 0) - 1


def Counter_subtract_counts(self, other):  # noqa: N802
    for key, times in other.items():
        self[key] = self.get(key, 0) - times


def Counter_add(self, other):  # noqa: N802
    result = {}
    for key, times in self.items():
        both = times + other.get(key, 0)
        if both > 0:
            result[key] = both
    for key, times in other.items():
        if key not in self and times > 0:
            result[key] = times
    return result


def Counter_sub(self, other):  # noqa: N802
    result = {}
    for key, times in self.items():
        left = times - other.get(key, 0)
        if left > 0:
            result[key] = left
    for key, times in other.items():
        if key not in self and times < 0:
            result[key] = 0 - times
    return result


def Counter_or(self, other):  # noqa: N802
    result = {}
    for key, times in self.items():
        more = max(times, other.get(key, 0))
        if more > 0:
            result[key] = more
    for key, times in other.items():
        if key not in self and times > 0:
            result[key] = times
    return result


def Counter_and(self, other):  # noqa: N802
    result = {}
    for key, times in self.items():
        fewer = min(times, other.get(key, 0))
        if fewer > 0:
            result[key] = fewer
    return result


def Counter_eq(self, other):  # noqa: N802
    return all(times == other.get(key, 0) for key, times in self.items()) and all(
        times == self.get(key, 0) for key, times in other.items()
    )


def Counter_repr(self):  # noqa: N802
    common = sorted(self.items(), key=lambda pair: pair[1], reverse=True)
    text = ", ".join(repr(key) + ": " + repr(times) for key, times in common)
    return "Counter({" + text + "})" if common else "Counter()"


def OrderedDict_move_to_end(self, key, last=True):  # noqa: N802
    value = self.pop(key)
    if last:
        self[key] = value
    else:
        rest = list(self.items())
        self.clear()
        self[key] = value
        for other, kept in rest:
            self[other] = kept


def OrderedDict_popitem(self, last=True):  # noqa: N802
    if not self:
        raise KeyError("dictionary is empty")
    keys = list(self)
    key = keys[-1] if last else keys[0]
    return (key, self.pop(key))


def OrderedDict_eq(self, other):  # noqa: N802
    return list(self.items()) == list(other.items())


def OrderedDict_repr(self):  # noqa: N802
    return "OrderedDict(" + repr(list(self.items())) + ")" if self else "OrderedDict()"


def _deque_trim(items, state):
    while len(items) - state[0] > state[2]:
        state[0] += 1
    if state[0] > 30 and state[0] + state[0] > len(items):
        _deque_compact(items, state)


def _deque_compact(items, state):
    if state[0] > 0:
        del items[: state[0]]
        state[0] = 0


def _deque_at(end, head, i):
    at = i + end if i < 0 else i + head
    if at < head or at >= end:
        raise IndexError("deque index out of range")
    return at


def _deque_rotate(items, state, n):
    _deque_compact(items, state)
    length = len(items)
    if length > 1:
        by = n % length
        if by:
            items[:] = items[length - by :] + items[: length - by]
        state[1] += 1


def _deque_index(items, x, start, stop):
    begin = max(start + len(items), 0) if start < 0 else start
    end = max(stop + len(items), 0) if stop < 0 else min(stop, len(items))
    for at in range(begin, end):
        if items[at] == x:
            return at
    raise ValueError(f"{x!r} is not in deque")
