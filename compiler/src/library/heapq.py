"""What `heapq` does; see `compiler/src/library.rs` for how this is read.

A heap's order after each operation is CPython's: the same comparisons, in the same order.
"""

from __future__ import annotations

Call = Iter = object


def heappush(heap, item):
    heap.append(item)
    _sift_down(heap, 0, len(heap) - 1)


def heappop(heap):
    if not heap:
        raise IndexError("index out of range")
    return _heap_pop(heap)


def heapify(x):
    _heapify(x)


def heapreplace(heap, item):
    if not heap:
        raise IndexError("index out of range")
    top = heap[0]
    heap[0] = item
    _sift_up(heap, 0)
    return top


def heappushpop(heap, item):
    top = item
    if heap and heap[0] < item:
        top = heap[0]
        heap[0] = item
        _sift_up(heap, 0)
    return top


def nlargest(n, iterable: Iter, key: Call = None):
    items = [x for x in iterable]
    if n >= len(items) or n <= 1:
        if key is None:
            best = _largest_few(n, items)
        elif n == 1:
            best = [max(items, key=key)] if items else items
        else:
            best = sorted(items, key=key, reverse=True)
            if n < len(best):
                best = items[:0]
    elif key is None:
        best = _largest(n, items)
    else:
        best = _largest_by(n, [key(x) for x in items], items)
    return best


def nsmallest(n, iterable: Iter, key: Call = None):
    items = [x for x in iterable]
    if n >= len(items) or n <= 1:
        if key is None:
            best = _smallest_few(n, items)
        elif n == 1:
            best = [min(items, key=key)] if items else items
        else:
            best = sorted(items, key=key)
            if n < len(best):
                best = items[:0]
    elif key is None:
        best = _smallest(n, items)
    else:
        best = _smallest_by(n, [key(x) for x in items], items)
    return best


def _sift_down(heap, start, at):
    item = heap[at]
    while at > start:
        above = (at - 1) >> 1
        if not item < heap[above]:
            break
        heap[at] = heap[above]
        at = above
    heap[at] = item


def _sift_up(heap, at):
    start = at
    end = len(heap)
    limit = end >> 1
    item = heap[at]
    while at < limit:
        child = 2 * at + 1
        if child + 1 < end and not heap[child] < heap[child + 1]:
            child += 1
        heap[at] = heap[child]
        at = child
    heap[at] = item
    _sift_down(heap, start, at)


def _heap_pop(heap):
    last = heap.pop()
    if not heap:
        return last
    top = heap[0]
    heap[0] = last
    _sift_up(heap, 0)
    return top


def _heapify(heap):
    for at in range(len(heap) // 2 - 1, -1, -1):
        _sift_up(heap, at)


def _largest_few(n, items):
    if n == 1:
        return [max(items)] if items else items
    return sorted(items, reverse=True) if n >= len(items) else items[:0]


def _smallest_few(n, items):
    if n == 1:
        return [min(items)] if items else items
    return sorted(items) if n >= len(items) else items[:0]


def _largest(n, items):
    heap = [(items[at], -at) for at in range(n)]
    _heapify(heap)
    top = heap[0][0]
    for at in range(n, len(items)):
        if top < items[at]:
            heap[0] = (items[at], -at)
            _sift_up(heap, 0)
            top = heap[0][0]
    heap.sort(reverse=True)
    return [item for item, _ in heap]


def _largest_by(n, keys, items):
    heap = [(keys[at], -at) for at in range(n)]
    _heapify(heap)
    top = heap[0][0]
    for at in range(n, len(items)):
        if top < keys[at]:
            heap[0] = (keys[at], -at)
            _sift_up(heap, 0)
            top = heap[0][0]
    heap.sort(reverse=True)
    return [items[-at] for _, at in heap]


def _sift_max(heap, at):
    end = len(heap)
    item = heap[at]
    start = at
    child = 2 * at + 1
    while child < end:
        if child + 1 < end and not heap[child + 1] < heap[child]:
            child += 1
        heap[at] = heap[child]
        at = child
        child = 2 * at + 1
    heap[at] = item
    while at > start:
        above = (at - 1) >> 1
        if not heap[above] < item:
            break
        heap[at] = heap[above]
        at = above
    heap[at] = item


def _smallest(n, items):
    heap = [(items[at], at) for at in range(n)]
    for at in range(n // 2 - 1, -1, -1):
        _sift_max(heap, at)
    top = heap[0][0]
    for at in range(n, len(items)):
        if items[at] < top:
            heap[0] = (items[at], at)
            _sift_max(heap, 0)
            top = heap[0][0]
    heap.sort()
    return [item for item, _ in heap]


def _smallest_by(n, keys, items):
    heap = [(keys[at], at) for at in range(n)]
    for at in range(n // 2 - 1, -1, -1):
        _sift_max(heap, at)
    top = heap[0][0]
    for at in range(n, len(items)):
        if keys[at] < top:
            heap[0] = (keys[at], at)
            _sift_max(heap, 0)
            top = heap[0][0]
    heap.sort()
    return [items[at] for _, at in heap]
