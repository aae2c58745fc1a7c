"""Compares the guest runtime with CPython, function by function, on random arguments.

Needs PyPI's `wasmtime`. Run with the path of the runtime module that the build script made:
`python differential.py .../spm_guest_runtime.wasm [rounds]`. Prints each difference, and how
far the functions of `math` are off in units in the last place; fails if anything differs.
"""

import math
import random
import struct
import sys

import wasmtime

NAMES = {27: IndexError, 30: KeyError, 33: MemoryError, 39: OverflowError, 56: TypeError, 64: ValueError, 66: ZeroDivisionError, 46: RuntimeError, 3: AssertionError}
DEOPT = "deopt"
LIMIT = 1 << 63
INT, FLOAT, STR, BYTES, LIST, TUPLE, DICT, SET, FROZENSET = 2, 3, 4, 5, 6, 7, 8, 9, 10


class Guest:
    """The runtime, standing alone."""

    def __init__(self, path):
        engine = wasmtime.Engine()
        module = wasmtime.Module.from_file(engine, path)
        self.store = wasmtime.Store(engine)
        imports = [wasmtime.Func(self.store, item.type, lambda *_: 0) for item in module.imports]
        self.exports = wasmtime.Instance(self.store, module, imports).exports(self.store)
        self.memory = self.exports["memory"]
        base = self.exports["__heap_base"].value(self.store)
        self.write(24, struct.pack("<I", (base + 15) // 16 * 16))
        self.descs = {}

    def __call__(self, name, *args):
        return self.exports[name](self.store, *args)

    def read(self, at, size):
        return bytes(self.memory.read(self.store, at, at + size))

    def write(self, at, data):
        self.memory.write(self.store, data, at)

    def u32(self, at):
        return struct.unpack("<I", self.read(at, 4))[0]

    def alloc(self, data):
        at = self("cabi_realloc", 0, 0, 8, len(data))
        self.write(at, data)
        return at

    def desc(self, kind, *elements):
        key = (kind, *elements)
        if key not in self.descs:
            self.descs[key] = self.alloc(struct.pack(f"<{2 + len(elements)}I", kind, len(elements), *elements))
        return self.descs[key]

    def text(self, value):
        data = value.encode() if isinstance(value, str) else value
        return self.alloc(struct.pack("<IIII", 1, len(data), len(value), 0) + data)

    def content(self, at):
        return self.read(at + 16, self.u32(at + 4))

    def slot(self, value):
        if isinstance(value, float):
            return struct.unpack("<q", struct.pack("<d", value))[0]
        if isinstance(value, int):
            return value
        return self.put(value)[0]

    def put(self, value):
        """Slot and descriptor of a value."""
        if isinstance(value, bool):
            return int(value), self.desc(1)
        if isinstance(value, int):
            return value, self.desc(INT)
        if isinstance(value, float):
            return self.slot(value), self.desc(FLOAT)
        if isinstance(value, (str, bytes)):
            return self.text(value), self.desc(STR if isinstance(value, str) else BYTES)
        if isinstance(value, list):
            items = [self.put(item) for item in value]
            desc = items[0][1] if items else self.desc(INT)
            data = self.alloc(b"".join(struct.pack("<q", slot) for slot, _ in items) or b"\0")
            return self.alloc(struct.pack("<IIII", 1, len(value), len(value), data)), self.desc(LIST, desc)
        if isinstance(value, tuple):
            items = [self.put(item) for item in value]
            data = struct.pack("<II", 1, 0) + b"".join(struct.pack("<q", slot) for slot, _ in items)
            return self.alloc(data), self.desc(TUPLE, *[desc for _, desc in items])
        if isinstance(value, (dict, set, frozenset)):
            pairs = [(self.put(key), self.put(item)) for key, item in (value.items() if isinstance(value, dict) else ((k, 0) for k in value))]
            (key, item) = ((pairs[0][0][1], pairs[0][1][1]) if pairs else (self.desc(INT), self.desc(INT)))
            if isinstance(value, dict):
                desc, table = self.desc(DICT, key, item), self("dict_new")
                for k, v in pairs:
                    assert self("dict_set", table, desc, k[0], v[0]) == 0
            else:
                desc, table = self.desc(FROZENSET if isinstance(value, frozenset) else SET, key), self("set_new")
                for k, _ in pairs:
                    assert self("set_add", table, desc, k[0]) == 0
            return table, desc
        raise TypeError(value)

    def get(self, slot, desc):
        kind, count = struct.unpack("<II", self.read(desc, 8))
        elements = struct.unpack(f"<{count}I", self.read(desc + 8, 4 * count))
        if kind == 1:
            return bool(slot)
        if kind == INT:
            return slot
        if kind == FLOAT:
            return struct.unpack("<d", struct.pack("<q", slot))[0]
        slot &= 0xFFFFFFFF
        if kind == STR:
            text = self.content(slot).decode()
            assert self.u32(slot + 8) == len(text), (text, self.u32(slot + 8))
            return text
        if kind == BYTES:
            return self.content(slot)
        if kind == LIST:
            data, length = self.u32(slot + 12), self.u32(slot + 4)
            return [self.get(item, elements[0]) for item in struct.unpack(f"<{length}q", self.read(data, 8 * length))]
        if kind == TUPLE:
            return tuple(self.get(item, desc) for item, desc in zip(struct.unpack(f"<{count}q", self.read(slot + 8, 8 * count)), elements))
        cursor, found = 0, []
        while cursor := self("table_next", slot, cursor):
            entry = self("table_entry", slot, cursor)
            key, value = struct.unpack("<qq", self.read(entry, 16))
            found.append((self.get(key, elements[0]), self.get(value, elements[1]) if kind == DICT else None))
        assert len(found) == self.u32(slot + 4)
        keys = [key for key, _ in found]
        return dict(found) if kind == DICT else frozenset(keys) if kind == FROZENSET else keys

    def pending(self):
        record = self("result_raised")
        failed, at, length = struct.unpack("<III", self.read(record, 12))
        assert failed == 1
        data = self.read(at, length)
        value, end = cbor(data, 0)
        assert end == len(data), data
        if 9 in value:
            return DEOPT
        return (NAMES[value[0]], tuple(value.get(1, ())))

    def call(self, name, returns, *args):
        """Outcome of a call: a value, or (class, args), or DEOPT."""
        result = self(name, *args)
        if returns == "ptr":
            return result & 0xFFFFFFFF if result else self.pending()
        if returns == "truth":
            return bool(result) if result >= 0 else self.pending()
        if returns in ("num", "float", "int"):
            return result
        if result:
            return self.pending()
        raw = self.read(16, 8)
        return struct.unpack({"status": "<q", "sint": "<q", "sfloat": "<d"}[returns], raw)[0]


def cbor(data, at):
    first = data[at]
    at += 1
    major, info = first >> 5, first & 31
    if first == 0xFB:
        return struct.unpack(">d", data[at : at + 8])[0], at + 8
    if major == 7:
        return {0xF4: False, 0xF5: True, 0xF6: None}[first], at
    argument = info
    if info >= 24:
        size = 1 << (info - 24)
        argument = int.from_bytes(data[at : at + size], "big")
        at += size
    if major == 0:
        return argument, at
    if major == 1:
        return -1 - argument, at
    if major in (2, 3):
        raw = data[at : at + argument]
        return (raw if major == 2 else raw.decode()), at + argument
    if major == 4:
        items = []
        for _ in range(argument):
            item, at = cbor(data, at)
            items.append(item)
        return items, at
    if major == 5:
        found = {}
        for _ in range(argument):
            key, at = cbor(data, at)
            found[key], at = cbor(data, at)
        return found, at
    item, at = cbor(data, at)
    return (tuple(item) if argument == 0xB100 else set(map(tuple, item)) if False else item), at


def python(function, *args):
    try:
        result = function(*args)
    except Exception as error:
        return (type(error), error.args)
    if isinstance(result, complex) or isinstance(result, int) and not -LIMIT <= result < LIMIT:
        return DEOPT
    return result


def same(a, b):
    if isinstance(a, float) and isinstance(b, float):
        return a != a and b != b or struct.pack("<d", a) == struct.pack("<d", b)
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


class Check:
    def __init__(self, guest):
        self.guest = guest
        self.bad = {}
        self.count = 0

    def equal(self, label, found, wanted, *context):
        self.count += 1
        if isinstance(wanted, bool) and isinstance(found, int):
            found = bool(found)
        if not same(found, wanted):
            self.bad[label] = self.bad.get(label, 0) + 1
            if self.bad[label] <= 4:
                print(f"{label}{context}: guest {found!r}, CPython {wanted!r}")

    def text(self, label, name, args, wanted, *context):
        found = self.guest.call(name, "ptr", *args)
        if isinstance(found, int):
            found = self.guest.get(found, self.guest.desc(STR))
        self.equal(label, found, wanted, *context)


def some_int(r):
    pick = r.random()
    if pick < 0.3:
        return r.randint(-20, 20)
    if pick < 0.5:
        return r.choice([0, 1, -1, LIMIT - 1, -LIMIT, 1 << 53, (1 << 53) + 1, 1 << 32, -(1 << 31), 10**18])
    return r.randint(-LIMIT, LIMIT - 1) >> r.randint(0, 62)


def some_float(r):
    pick = r.random()
    if pick < 0.25:
        return r.choice([0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -2.5, 1e22, 1e23, 1e16, 9007199254740993.0, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, math.inf, -math.inf, math.nan, 1e-5, 123456789.125, 0.1, 2.675, 1e15, 9999999999999998.0])
    if pick < 0.5:
        return round(r.uniform(-1000, 1000), r.randint(0, 4))
    if pick < 0.7:
        return float(r.randint(-(10**17), 10**17)) / r.choice([1, 2, 4, 1024])
    return struct.unpack("<d", struct.pack("<Q", r.getrandbits(64)))[0]


def some_text(r, alphabet="ab c,é€ßΣ😀\tZ09_'\"\\\n\x85ǅاAB"):
    return "".join(r.choice(alphabet) for _ in range(r.choice([0, 1, 2, 3, 5, 8, 13])))


def numbers(c, r):
    g = c.guest
    a, b, m = some_int(r), some_int(r), some_int(r)
    x, y = some_float(r), some_float(r)
    small = r.randint(-3, 70)
    for name, function in [("int_floordiv", lambda: a // b), ("int_mod", lambda: a % b), ("int_mul", lambda: a * b)]:
        c.equal(name, g.call(name, "sint", a, b), python(function), a, b)
    base = r.randint(-12, 12)
    wanted = python(lambda: base**small) if small >= 0 else DEOPT
    c.equal("int_pow", g.call("int_pow", "sint", base, small), wanted, base, small)
    c.equal("int_pow_mod", g.call("int_pow_mod", "sint", a, b, m), python(pow, a, b, m), a, b, m)
    c.equal("int_truediv", g.call("int_truediv", "sfloat", a, b), python(lambda: a / b), a, b)
    c.equal("int_shl", g.call("int_shl", "sint", a, small), python(lambda: a << small), a, small)
    c.equal("int_shr", g.call("int_shr", "sint", a, small), python(lambda: a >> small), a, small)
    c.equal("int_bit_length", g("int_bit_length", a), a.bit_length(), a)
    digits = r.randint(-21, 3)
    c.equal("int_round", g.call("int_round", "sint", a, digits), python(round, a, digits), a, digits)
    for op, function in enumerate([lambda: a < x, lambda: a <= x, lambda: a == x, lambda: a != x, lambda: a > x, lambda: a >= x]):
        c.equal("int_compare_float", bool(g("int_compare_float", a, x, op)), function(), a, x, op)
    c.text("int_str", "int_str", (a,), str(a), a)
    for base, function in [(2, bin), (8, oct), (16, hex)]:
        c.text("int_base_str", "int_base_str", (a, base), function(a), a)
    for name, function in [("float_floordiv", lambda: x // y), ("float_mod", lambda: x % y), ("math_fmod", lambda: math.fmod(x, y)), ("math_remainder", lambda: math.remainder(x, y))]:
        c.equal(name, g.call(name, "sfloat", x, y), python(function), x, y)
    for name, function in [("int_from_float", int), ("float_round", round), ("float_floor", math.floor), ("float_ceil", math.ceil)]:
        c.equal(name, g.call(name, "sint", x), python(function, x), x)
    digits = r.choice([r.randint(-5, 6), r.randint(-330, 330)])
    c.equal("float_round_digits", g.call("float_round_digits", "sfloat", x, digits), python(round, x, digits), x, digits)
    c.text("float_repr", "float_repr", (x,), repr(x), x)
    text = r.choice([repr(x), f"{x:.{r.randint(0, 30)}e}", f" {a}_0.5 ", some_text(r), "1" * r.randint(1, 900) + "e-%d" % r.randint(0, 1200), "+.5e3", "1_000.0_1e1_0", "infinity", "-NaN", "1__0", "_1", "1_", "1e", "0x1"])
    c.equal("float_parse", g.call("float_parse", "sfloat", g.text(text)), python(float, text), text)
    text = r.choice([str(a), f" {a:_} ", hex(a), bin(a), "0", "00", "012", "-0x_f", "0b", some_text(r), "٣٤", "9223372036854775808", "-9223372036854775808", "z1", ""])
    base = r.choice([10, 0, 16, 2, 8, 36, 1, 37])
    c.equal("int_parse", g.call("int_parse", "sint", g.text(text), base), python(int, text, base), text, base)
    for name, function, args in [("math_gcd", math.gcd, (a, b)), ("math_lcm", math.lcm, (a, b)), ("math_factorial", math.factorial, (small,)), ("math_isqrt", math.isqrt, (a,))]:
        c.equal(name, g.call(name, "sint", *args), python(function, *args), *args)
    n, k = r.randint(-2, 70), r.randint(-2, 70)
    c.equal("math_comb", g.call("math_comb", "sint", n, k), python(math.comb, n, k), n, k)
    c.equal("math_perm", g.call("math_perm", "sint", n, k), python(math.perm, n, k), n, k)
    c.equal("math_ulp", g("math_ulp", x), math.ulp(x), x)
    c.equal("math_nextafter", g("math_nextafter", x, y), math.nextafter(x, y), x, y)
    c.equal("math_ldexp", g.call("math_ldexp", "sfloat", x, a), python(math.ldexp, x, a), x, a)
    c.equal("math_hypot", g.call("math_hypot", "sfloat", x, y), python(math.hypot, x, y), x, y)
    for name, function in [("math_frexp", math.frexp), ("math_modf", math.modf)]:
        pair = g.desc(TUPLE, g.desc(FLOAT), g.desc(INT if name == "math_frexp" else FLOAT))
        c.equal(name, g.get(g(name, x), pair), function(x), x)
    xs = [some_float(r) for _ in range(r.randint(0, 12))]
    c.equal("math_fsum", g.call("math_fsum", "sfloat", g.put(xs or [0.0])[0]), python(math.fsum, xs or [0.0]), xs)
    spec = "".join(r.choice(part) for part in [["", "", "*", "0", "é<", "<", ">", "^", "=", "x="], ["", "", "+", "-", " "], ["", "", "", "z"], ["", "", "#"], ["", "", "0"], ["", "", "1", "5", "12", "30"], ["", "", "", ",", "_"], ["", "", ".0", ".1", ".3", ".17", ".25", "."], ["", "d", "f", "e", "g", "x", "X", "b", "o", "%", "n", "c", "s", "G", "E", "F", "q"]])
    c.text("format_int", "format_int", (a, g.text(spec)), python(format, a, spec), a, spec)
    c.text("format_float", "format_float", (x, g.text(spec)), python(format, x, spec), x, spec)
    s = some_text(r)
    c.text("format_str", "format_str", (g.text(s), g.text(spec)), python(format, s, spec), s, spec)


def texts(c, r):
    g = c.guest
    s, t, u = some_text(r), some_text(r, "ab "), some_text(r, "abé")
    start, stop, step, given = r.randint(-8, 8), r.randint(-8, 8), r.choice([-3, -2, -1, 0, 1, 2, 3]), r.randint(0, 7)
    chosen = slice(start if given & 1 else None, stop if given & 2 else None, step if given & 4 else None)
    lists = g.desc(LIST, g.desc(STR))

    def as_list(label, name, args, wanted, *context):
        found = g.call(name, "ptr", *args)
        c.equal(label, g.get(found, lists) if isinstance(found, int) else found, wanted, *context)

    p, q, w = g.text(s), g.text(t), g.text(u)
    c.text("str_concat", "str_concat", (p, q), s + t, s, t)
    c.text("str_repeat", "str_repeat", (p, start), s * start, s, start)
    c.text("str_index", "str_index", (p, start), python(lambda: s[start]), s, start)
    c.text("str_slice", "str_slice", (p, start, stop, step, given), python(lambda: s[chosen]), s, chosen)
    c.equal("str_compare", g("str_compare", p, w), (s > u) - (s < u), s, u)
    c.equal("str_contains", bool(g("str_contains", p, w)), u in s, s, u)
    bounds = (start if given & 1 else None, stop if given & 2 else None)
    for reverse, find, index in [(0, s.find, s.index), (1, s.rfind, s.rindex)]:
        c.equal("str_find", g("str_find", p, w, start, stop, given, reverse), find(u, *bounds), s, u, bounds, reverse)
        c.equal("str_index_of", g.call("str_index_of", "sint", p, w, start, stop, given, reverse), python(index, u, *bounds), s, u)
        found = g.call("str_partition", "ptr", p, w, reverse)
        wanted = python(s.rpartition if reverse else s.partition, u)
        three = g.desc(TUPLE, g.desc(STR), g.desc(STR), g.desc(STR))
        c.equal("str_partition", g.get(found, three) if isinstance(found, int) else found, wanted, s, u)
    c.equal("str_count", g("str_count", p, w, start, stop, given), s.count(u, *bounds), s, u, bounds)
    c.equal("str_startswith", bool(g("str_startswith", p, w)), s.startswith(u), s, u)
    c.equal("str_endswith", bool(g("str_endswith", p, w)), s.endswith(u), s, u)
    parts = [some_text(r) for _ in range(r.randint(0, 4))]
    c.text("str_join", "str_join", (q, g.put(parts)[0]), t.join(parts), t, parts)
    split = r.randint(-1, 3)
    as_list("str_split", "str_split", (p, w, split), python(s.split, u, split), s, u, split)
    as_list("str_split", "str_split", (p, 0, split), s.split(None, split), s, split)
    as_list("str_rsplit", "str_rsplit", (p, w, split), python(s.rsplit, u, split), s, u, split)
    as_list("str_rsplit", "str_rsplit", (p, 0, split), s.rsplit(None, split), s, split)
    as_list("str_splitlines", "str_splitlines", (p, given & 1), s.splitlines(bool(given & 1)), s)
    as_list("str_to_list", "str_to_list", (p,), list(s), s)
    for mode, both in [(1, "lstrip"), (2, "rstrip"), (3, "strip")]:
        c.text("str_strip", "str_strip", (p, 0, mode), getattr(s, both)(), s, both)
        c.text("str_strip", "str_strip", (p, w, mode), getattr(s, both)(u), s, both, u)
    c.text("str_replace", "str_replace", (p, w, q, split), s.replace(u, t, split), s, u, t, split)
    c.text("str_removeprefix", "str_removeprefix", (p, w), s.removeprefix(u), s, u)
    c.text("str_removesuffix", "str_removesuffix", (p, w), s.removesuffix(u), s, u)
    for mode, name in enumerate(["lower", "upper", "title", "capitalize", "swapcase"]):
        c.text("str_case", "str_case", (p, mode), getattr(s, name)(), s, name)
    for test, name in enumerate(["isalpha", "isdecimal", "isdigit", "isnumeric", "isalnum", "isspace", "isprintable", "islower", "isupper", "istitle", "isascii"]):
        c.equal("str_is", bool(g("str_is", p, test)), getattr(s, name)(), s, name)
    c.text("str_zfill", "str_zfill", (p, start + 6), s.zfill(start + 6), s, start + 6)
    for mode, name in enumerate(["ljust", "rjust", "center"]):
        c.text("str_just", "str_just", (p, stop + 6, w, mode), python(getattr(s, name), stop + 6, u), s, stop + 6, u)
    c.equal("str_ord", g.call("str_ord", "sint", p), python(ord, s) if len(s) == 1 else (TypeError, (f"ord() expected a character, but string of length {len(s)} found",)), s)
    c.text("str_repr", "str_repr", (p,), repr(s), s)
    code = r.choice([r.randint(-2, 300), r.randint(0, 0x120000)])
    c.text("str_chr", "str_chr", (code,), DEOPT if 0xD800 <= code < 0xE000 else python(chr, code), code)
    b = s.encode()
    c.text("bytes_repr", "bytes_repr", (g.text(b),), repr(b), b)
    c.text("bytes_hex", "bytes_hex", (g.text(b),), b.hex(), b)
    found = g.call("bytes_slice", "ptr", g.text(b), start, stop, step, given)
    c.equal("bytes_slice", g.content(found) if isinstance(found, int) else found, python(lambda: b[chosen]), b, chosen)


def some_items(r):
    make = r.choice([lambda: r.randint(-5, 5), lambda: r.choice([0.0, -0.0, 1.5, -2.0, 3.0]), lambda: some_text(r, "abé"), lambda: (r.randint(0, 2), some_text(r, "ab")), lambda: [r.randint(0, 2) for _ in range(r.randint(1, 3))]])
    return [make() for _ in range(r.choice([1, 2, 3, 7, 20, 100]))], make


def lists(c, r):
    g = c.guest
    xs, make = some_items(r)
    ys = [make() for _ in range(r.randint(1, 5))]
    start, stop, step, given = r.randint(-8, 8), r.randint(-8, 8), r.choice([-3, -2, -1, 0, 1, 2, 3]), r.randint(0, 7)
    chosen = slice(start if given & 1 else None, stop if given & 2 else None, step if given & 4 else None)

    def changed(label, name, arguments, change, *context):
        at, desc = g.put(xs)
        copied = list(xs)
        wanted = python(change, copied)
        found = g.call(name, "status", *[a(at, desc) if callable(a) else a for a in arguments])
        if isinstance(wanted, tuple) and len(wanted) == 2 and isinstance(wanted[0], type):
            return c.equal(label, found, wanted, xs, *context)
        c.equal(label, g.get(at, desc), copied, xs, *context)

    def me(at, desc):
        return at

    def my(at, desc):
        return desc

    value, value_desc = g.put(ys[0])
    reverse = r.randint(0, 1)
    changed("list_sort", "list_sort", (me, my, reverse), lambda l: l.sort(reverse=bool(reverse)), reverse)
    changed("list_append", "list_append", (me, value), lambda l: l.append(ys[0]))
    changed("list_insert", "list_insert", (me, start, value), lambda l: l.insert(start, ys[0]), start)
    changed("list_extend", "list_extend", (me, my, g.put(ys)[0]), lambda l: l.extend(ys))
    changed("list_extend", "list_extend", (me, my, me), lambda l: l.extend(l))
    changed("list_pop", "list_pop", (me, start), lambda l: l.pop(start) and None, start)
    changed("list_del", "list_del", (me, my, start), lambda l: l.__delitem__(start), start)
    changed("list_remove", "list_remove", (me, my, value, value_desc), lambda l: l.remove(ys[0]), ys[0])
    changed("list_set_slice", "list_set_slice", (me, my, start, stop, step, given, g.put(ys)[0]), lambda l: l.__setitem__(chosen, ys), chosen, ys)
    changed("list_del_slice", "list_del_slice", (me, my, start, stop, step, given), lambda l: l.__delitem__(chosen), chosen)
    at, desc = g.put(xs)
    found = g.call("list_slice", "ptr", at, desc, start, stop, step, given)
    c.equal("list_slice", g.get(found, desc) if isinstance(found, int) else found, python(lambda: xs[chosen]), xs, chosen)
    c.equal("list_concat", g.get(g("list_concat", at, desc, g.put(ys)[0]), desc), xs + ys)
    c.equal("list_repeat", g.get(g("list_repeat", at, desc, start), desc), xs * start if len(xs) else [], xs, start)
    c.equal("list_contains", g.call("list_contains", "truth", at, desc, value, value_desc), ys[0] in xs, xs, ys[0])
    c.equal("list_count", g.call("list_count", "sint", at, desc, value, value_desc), xs.count(ys[0]), xs, ys[0])
    bounds = (start if given & 1 else 0, stop if given & 2 else len(xs))
    c.equal("list_index", g.call("list_index", "sint", at, desc, value, value_desc, *bounds, 3), python(xs.index, ys[0], *bounds), xs, ys[0], bounds)
    c.text("value_repr", "value_repr", (at, desc), repr(xs), xs)
    other, other_desc = g.put(ys)
    for op, name in enumerate(["__lt__", "__le__", "__eq__", "__ne__", "__gt__", "__ge__"]):
        c.equal("compare", g.call("compare", "truth", at, desc, other, other_desc, op), getattr(xs, name)(ys), xs, ys, name)
        c.equal("compare", g.call("compare", "truth", at, desc, g.put(xs[:2])[0], desc, op), getattr(xs, name)(xs[:2]), xs, name)
    keys = [r.randint(0, 4) for _ in xs]
    g("list_sort_by", at, g.put(keys)[0], g.desc(LIST, g.desc(INT)), reverse)
    order = sorted(range(len(xs)), key=lambda i: keys[i], reverse=bool(reverse))
    c.equal("list_sort_by", g.get(at, desc), [xs[i] for i in order], xs, keys)


def tables(c, r):
    g = c.guest
    make = r.choice([lambda: r.randint(-9, 9), lambda: some_text(r, "abé"), lambda: (r.randint(0, 2), r.randint(0, 2)), lambda: float(r.randint(-3, 3))])
    d = {make(): r.randint(0, 9) for _ in range(r.randint(1, 12))}
    at, desc = g.put(d)
    for _ in range(r.choice([5, 60])):
        key, value = make(), r.randint(0, 99)
        slot, _ = g.put(key)
        action = r.randint(0, 5)
        if action <= 2:
            g("dict_set", at, desc, slot, value)
            d[key] = value
        elif action == 3:
            found, wanted = g.call("dict_pop", "status", at, desc, slot), python(d.pop, key)
            c.equal("dict_pop", found, wanted, key)
        elif action == 4:
            c.equal("dict_get", g.call("dict_get", "status", at, desc, slot), python(lambda: d[key]), key)
        else:
            c.equal("dict_setdefault", g.call("dict_setdefault", "status", at, desc, slot, value), d.setdefault(key, value), key)
        c.equal("dict", list(g.get(at, desc).items()), list(d.items()))
    c.text("value_repr", "value_repr", (at, desc), repr(d), d)
    make = r.choice([lambda: r.randint(-20, 20), lambda: r.randint(-9, 9) / 8, lambda: (r.randint(-2, 2), r.random()), lambda: frozenset(r.randint(0, 40) for _ in range(r.randint(1, 5)))])
    xs, ys = [make() for _ in range(r.randint(1, 9))], [make() for _ in range(r.randint(1, 9))]
    (p, desc), (q, _) = g.put(xs), g.put(ys)
    (element,) = struct.unpack("<I", g.read(desc + 8, 4))
    desc = g.desc(SET, element)
    # In the order in which CPython puts them there, too.
    (a, p), (b, q) = (set(xs), g("set_from_list", p, desc)), (set(ys), g("set_from_list", q, desc))
    c.equal("set_from_list", g.get(p, desc), list(a), xs)
    for op, function in enumerate([a.__or__, a.__and__, a.__sub__, a.__xor__]):
        c.equal("set_op", g.get(g("set_op", p, desc, q, op), desc), list(function(b)), a, b, op)
    for op, name in enumerate(["__lt__", "__le__", "__eq__", "__ne__", "__gt__", "__ge__"]):
        c.equal("compare", g.call("compare", "truth", p, desc, q, desc, op), getattr(a, name)(b), a, b, name)
        c.equal("compare", g.call("compare", "truth", p, desc, g.put(a & b or a)[0], desc, op), getattr(a, name)(a & b or a), a, b, name)
    c.equal("set_isdisjoint", bool(g("set_isdisjoint", p, desc, q)), a.isdisjoint(b), a, b)


MATH = "sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh exp exp2 expm1 log log2 log10 log1p sqrt cbrt gamma lgamma erf erfc atan2 pow".split()
PLAIN = {"atan", "atan2", "tanh", "asinh", "cbrt", "erf", "erfc"}


def ulps(a, b):
    def order(x):
        bits = struct.unpack("<q", struct.pack("<d", x))[0]
        return bits if bits >= 0 else -(1 << 63) - bits

    return abs(order(a) - order(b))


def libm(c, r, rounds):
    ranges = [lambda: r.uniform(-1, 1), lambda: r.uniform(-20, 20), lambda: r.uniform(-800, 800), lambda: some_float(r), lambda: math.ldexp(r.uniform(-1, 1), r.randint(-60, 60)), lambda: 1 + r.uniform(-0.1, 0.1)]
    worst = {}
    for name in MATH:
        if not hasattr(math, name):
            continue
        for _ in range(rounds):
            args = [r.choice(ranges)() for _ in range(2 if name in ("atan2", "pow") else 1)]
            wanted = python(getattr(math, name), *args)
            found = c.guest.call("math_" + name, "float" if name in PLAIN else "sfloat", *args)
            if isinstance(found, float) and isinstance(wanted, float) and math.isfinite(found) and math.isfinite(wanted):
                off = ulps(found, wanted)
                if off > worst.get(name, (0,))[0]:
                    worst[name] = (off, args, found, wanted)
            else:
                c.equal("math_" + name, found, wanted, *args)
    for name, (off, *context) in worst.items():
        print(f"math.{name}: at most {off} ulp from CPython's, at {context}")
    return {name: off for name, (off, *_) in worst.items() if off > 1}


def main(path, rounds=300):
    r = random.Random(20)
    checks, bad, count = [numbers, texts, lists, tables], {}, 0
    for check in checks:
        for start in range(0, rounds, 100):
            c = Check(Guest(path))
            c.bad = bad
            for _ in range(min(100, rounds - start)):
                check(c, r)
            count += c.count
    c = Check(Guest(path))
    c.bad = bad
    off = libm(c, r, rounds * 10)
    print(f"{count + c.count} comparisons; different: {bad}; further than 1 ulp: {off}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:])))
