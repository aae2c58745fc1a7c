"""str: formatting, f-strings, methods, slicing, encodings."""

import datetime as dt
import string
from decimal import Decimal

from corpus import case


@case((3.14159, 42), (-0.5, -7), (1e20, 0), (float("inf"), 10**20))
def format_numbers(x, n):
    return [
        f"{x:.2f}",
        f"{x:10.3e}|",
        f"{x:<+12g}|",
        f"{x:^12.1%}|",
        f"{n:08,d}",
        f"{n:_}",
        f"{n:#x} {n:#b} {n:#o}",
        f"{n: d}",
        f"{n:=+10}",
        f"{n:*>12}",
    ]


@case(("text",), ("",), ("\u4e16\u754c",))
def format_strings(s):
    width = 8
    return f"{s:>10}|{s:-^{width}}|{s!r}|{s!a}|{s:.2}|{s=}|{s.upper() + '!'=:>12}"


@case()
def nested_f_strings():
    rows = [("a", 1), ("bc", 22)]
    return [
        f"{name:{len(name) + 2}}{'=' * value if value < 5 else f'<{value}>'}"
        for name, value in rows
    ]


@case(
    (1, "x", [2]),
)
def percent_formatting(a, b, c):
    return (
        "%d-%s-%r" % (a, b, c),
        "%(k)05.1f%%" % {"k": 2.25},
        "%-5s|%5s|" % (b, b),
        "%x %o %e %c" % (255, 8, 0.5, "z"),
    )


@case(("%d", "x"), ("%s %s", (1,)), ("%(a)s", {}), ("%q", 1))
def percent_formatting_fails(template, values):
    return template % values


@case()
def str_format():
    class Thing:
        names = ("n0", "n1")

        def __format__(self, spec):
            return f"[{spec}]"

    thing = Thing()
    return (
        "{} {1} {0}".replace("{} ", "").format("a", "b"),
        "{0.names[1]:>5} {t:spec} {d[key]!r:^9}".format(thing, t=thing, d={"key": "v"}),
        "{:{}{}}".format("x", ">", 4),
        "{{literal}} {:,}".format(1234567),
        "{:%Y-%m-%d}".format(dt.date(2024, 2, 29)),
        "{:.3}".format(Decimal("1.23456")),
    )


@case(("{} {}", (1,)), ("{a}", ()), ("{:d}", ("x",)), ("{", ()))
def str_format_fails(template, values):
    return template.format(*values)


@case(("Hello, World",), ("  spaced\tout \n",), ("\u00c4\u00d6\u00dc\u00df \u01c6",), ("",))
def string_methods(s):
    return [
        s.upper(),
        s.lower(),
        s.title(),
        s.swapcase(),
        s.casefold(),
        s.capitalize(),
        s.strip(),
        s.lstrip(),
        s.split(),
        s.split("o"),
        s.rsplit(maxsplit=1),
        s.partition(","),
        s.rpartition("o"),
        s.splitlines(keepends=True),
        s.replace("l", "L", 2),
        s.count("o"),
        s.find("World"),
        s.rfind("o"),
        s.startswith(("He", " ")),
        s.endswith("d"),
        s.center(20, "*"),
        s.zfill(15),
        s.expandtabs(4),
        s.removeprefix("Hello").removesuffix("World"),
    ]


@case(("abc",), ("123",), ("\u0663\u00b2",), ("Aa",), (" \t",), ("x_1",), ("",), ("\u00bd",))
def string_predicates(s):
    return [
        getattr(s, name)()
        for name in "isalpha isdigit isdecimal isnumeric isalnum isspace isupper islower istitle isidentifier isprintable isascii".split()
    ]


@case(("abcdefgh",), ("",), ("\U0001f600x\u00e9",))
def string_slices(s):
    return (
        s[::-1],
        s[1:-1],
        s[-3:],
        s[::2],
        s[5:2:-1],
        s[10:],
        s[:100],
        [*s],
        len(s),
        "".join(sorted(s)),
    )


@case(("abc", 7), ("abc", -4))
def index_out_of_range(s, i):
    return s[i]


@case(("needle",))
def index_of_what_is_missing(s):
    return "haystack".index(s)


@case()
def translate_and_maketrans():
    table = str.maketrans({"a": "1", "b": None, "c": "[c]"})
    return (
        "aabbcc".translate(table),
        "hello".translate(str.maketrans("lo", "01", "h")),
        "x".translate({120: 65}),
    )


@case(("gr\u00fc\u00dfe \u20ac",), ("\U0001f600",))
def encodings(s):
    return [
        s.encode(name) for name in ("utf-8", "utf-16-le", "utf-32-be", "utf-7", "unicode_escape")
    ], [
        s.encode("ascii", how)
        for how in ("ignore", "replace", "xmlcharrefreplace", "backslashreplace", "namereplace")
    ]


@case((b"\xe2\x82\xac\xff",))
def decodings(data):
    return (
        data.decode("utf-8", "replace"),
        data.decode("latin-1"),
        data.decode("cp1252"),
        data.decode("utf-8", "surrogateescape"),
        data.decode("utf-8", "backslashreplace"),
    )


@case(("\\n\n\t\x00\x7f\u00e9\ud800'\"",), ("it's",), ('"',))
def representations(s):
    return repr(s), ascii(s), str(s.encode("utf-8", "surrogatepass"))


@case()
def string_constants_and_literals():
    return (
        r"\n" + "\x41\u00e9\N{BULLET}joined",
        string.ascii_letters[:3] + string.digits + string.punctuation[-3:],
        """two
lines""",
        string.capwords("the quick  brown"),
        "ab" * 2,
        ord("\u20ac"),
        chr(8364),
    )


class Loud(string.Formatter):
    def format_field(self, value, format_spec):
        return super().format_field(value, format_spec).upper()

    def get_value(self, key, args, kwargs):
        return kwargs.get(key, f"<{key}>") if isinstance(key, str) else args[key]


@case(("x",))
def a_formatter_of_ones_own(value):
    return Loud().format("{0}-{name}-{other:>8}", value, name="n")


@case(({"who": "tim", "what": "$5"},), ({"who": "x"},))
def templates(values):
    template = string.Template("$who owes ${what}, $$1")
    return template.safe_substitute(values), template.substitute(values)


@case((["b", "A", "a", "\u00e4", "B"],))
def sorting_and_comparing(words):
    return (
        sorted(words),
        sorted(words, key=str.lower),
        max(words),
        "abc" < "abd",
        "Z" < "a",
        "a" * 3 in "baaab",
    )


@case(([1, 2],), (["a", None],))
def join_takes_strings_only(parts):
    return ", ".join(parts)


def caesar(text, shift):
    def moved(c):
        if c.isalpha():
            base = ord("A") if c.isupper() else ord("a")
            return chr((ord(c) - base + shift) % 26 + base)
        return c

    return "".join(map(moved, text))


@case(("Hello, World!", 3), ("xyz", 30))
def a_caesar_cipher(text, shift):
    secret = caesar(text, shift)
    return secret, caesar(secret, -shift)
