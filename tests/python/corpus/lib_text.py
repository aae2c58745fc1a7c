"""re, textwrap, difflib, unicodedata, shlex, fnmatch, pprint, reprlib, codecs, locale."""

import codecs
import difflib
import fnmatch
import glob
import html
import html.parser
import locale
import pprint
import re
import reprlib
import shlex
import textwrap
import unicodedata

from corpus import case

WORD = re.compile(r"\b(?P<first>\w)(\w*)\b")
TOKENS = re.compile(
    r"(?P<number>\d+(?:\.\d+)?)|(?P<name>[a-z_]\w*)|(?P<op>[-+*/()=])|(?P<space>\s+)|(?P<bad>.)",
    re.IGNORECASE,
)


@case(("The quick brown fox",), ("",), ("a\u00e9 1_x",))
def regular_expressions(text):
    match = WORD.search(text)
    return (
        match and (match.group(), match.groups(), match.groupdict(), match.span(2), match["first"]),
        WORD.findall(text),
        [m.start() for m in WORD.finditer(text)],
        re.split(r"(\s)", text, maxsplit=2),
        bool(re.fullmatch(r"[A-Za-z ]*", text)),
        re.match("x", text) is None,
    )


@case(("2024-02-29 and 1999-12-31",))
def substitution(text):
    swapped = re.sub(r"(\d+)-(\d+)-(\d+)", r"\3.\g<2>.\1", text)
    shifted, count = re.subn(r"\d+", lambda m: str(int(m.group()) + 1), text)
    return swapped, shifted, count, re.sub("a|b", "", "banana"), re.escape("a.b*c")


@case()
def flags_and_lookaround():
    verbose = re.compile(
        r"""
        (?<=\$)(\d+)   # whole dollars
        (?!\d)         # and no more digits
        (?:\.(\d\d))?  # cents
        """,
        re.VERBOSE,
    )
    return (
        verbose.findall("$12.50 $7 8"),
        re.findall("^b.$", "ab\nbc\nbd", re.MULTILINE),
        re.findall("a.b", "a\nb", re.DOTALL),
        re.findall("(?i)AB+?", "abbb"),
        re.findall(r"(.)\1", "aabbcd"),
        re.findall("\\w", "\u00e9", re.ASCII),
        verbose.flags,
    )


@case(("(a",), ("*",), ("[z-a]",))
def patterns_that_are_wrong(pattern):
    try:
        return re.compile(pattern)
    except re.error as error:
        return error.msg, error.pos, error.pattern, error.lineno


@case(("total = 3.5*(x_1 + 42)",), ("a $ b",))
def a_tokenizer(text):
    tokens = [(m.lastgroup, m.group()) for m in TOKENS.finditer(text) if m.lastgroup != "space"]
    bad = [value for kind, value in tokens if kind == "bad"]
    if bad:
        raise SyntaxError(f"what is {bad[0]!r}?", ("input", 1, text.index(bad[0]) + 1, text))
    return tokens


@case((b"k=v; q=1",))
def regular_expressions_over_bytes(data):
    return re.findall(rb"(\w)=(\w)", data), re.sub(rb"\d", lambda m: m.group() * 2, data)


@case()
def bytes_and_str_patterns_do_not_mix():
    return re.search("a", b"a")


@case(
    ("The quick brown fox jumps over the lazy dog, extraordinarily-hyphenated.", 20),
    ("", 5),
    ("abcdefghij", 4),
)
def wrapping(text, width):
    return (
        textwrap.wrap(text, width),
        textwrap.fill(text, width, initial_indent="* ", subsequent_indent="  ")
        if width > 4
        else None,
        textwrap.shorten(text, 25, placeholder=".."),
        textwrap.indent("a\n\nb", "> "),
    )


@case()
def dedent_and_indent():
    block = """
        one
          two
        three
    """
    return textwrap.dedent(block).strip(), textwrap.indent("x\ny\n", "--", lambda line: "y" in line)


@case((["one", "two", "three", "four"], ["zero", "one", "tree", "four"]), ([], ["a"]))
def differences(a, b):
    matcher = difflib.SequenceMatcher(None, a, b)
    return (
        matcher.get_opcodes(),
        round(matcher.ratio(), 6),
        list(difflib.ndiff(a, b)),
        list(difflib.unified_diff(a, b, "a.txt", "b.txt", lineterm="", n=1)),
        difflib.get_close_matches("tree", a),
    )


@case(("\u00e9",), ("e\u0301",), ("\ufb01",), ("\u00bd",), ("A",))
def unicode_data(s):
    return (
        [unicodedata.normalize(form, s) for form in ("NFC", "NFD", "NFKC", "NFKD")],
        unicodedata.name(s[0]),
        unicodedata.category(s[0]),
        unicodedata.numeric(s[0], None),
        unicodedata.combining(s[-1]),
        unicodedata.bidirectional(s[0]),
        unicodedata.decomposition(s[0]),
    )


@case(("NO SUCH NAME",))
def a_character_that_is_not_there(name):
    try:
        return unicodedata.lookup(name)
    except KeyError as error:
        return "undefined character name" in str(error), unicodedata.lookup("SNOWMAN")


@case(("run --name 'two words' a\\ b \"c 'd'\" # rest",), ("",), ('open "quote',))
def shell_words(text):
    return shlex.split(text, comments=True), shlex.join(shlex.split(text)), shlex.quote(text)


@case(("*.py",), ("t?st[0-9].*",), ("[!a]*",))
def file_patterns(pattern):
    names = ["a.py", "test1.txt", "test.py", "B.PY", "tast2.c"]
    return (
        fnmatch.filter(names, pattern),
        [fnmatch.fnmatchcase(name, pattern) for name in names],
        bool(re.match(fnmatch.translate(pattern), "test.py")),
        glob.has_magic(pattern),
        glob.escape(pattern),
    )


@case(({"b": list(range(12)), "a": {"nested": ("x" * 20, "y" * 30)}, "c": None},), ([],))
def pretty_printing(value):
    return (
        pprint.pformat(value, width=40),
        pprint.pformat(value, depth=1, sort_dicts=False),
        pprint.pformat(value, compact=True, indent=2),
        pprint.isreadable(value),
        pprint.saferepr(value),
    )


@case((list(range(20)),), ("x" * 60,), ({i: i for i in range(9)},))
def short_representations(value):
    class Short(reprlib.Repr):
        def repr_list(self, x, level):
            return f"<{len(x)} items>"

    return reprlib.repr(value), Short().repr(value)


@case()
def recursive_representations():
    class Node:
        def __init__(self):
            self.links = []

        @reprlib.recursive_repr("<again>")
        def __repr__(self):
            return f"Node({self.links})"

    node = Node()
    node.links += [node, 1]
    loop = []
    loop.append(loop)
    return repr(node), repr(loop)


@case(("Hello",), ("\u00e9\u4e16",))
def codecs_by_name(text):
    return (
        codecs.encode(text, "rot13"),
        codecs.encode(text.encode(), "hex"),
        codecs.lookup("utf8").name,
        codecs.BOM_UTF8 + codecs.encode(text, "utf-8"),
        list(codecs.iterdecode([b"\xe4", b"\xb8\x96"], "utf-8")),
        codecs.decode(b"a\\nb", "unicode_escape"),
    )


@case(("no-such-codec",))
def codecs_that_are_not_there(name):
    return "x".encode(name)


@case()
def an_incremental_decoder():
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    return [decoder.decode(part) for part in (b"\xe2", b"\x82", b"\xacx")], decoder.decode(
        b"\xe2", final=True
    )


@case()
def an_error_handler_of_ones_own():
    codecs.register_error(
        "corpus-stars", lambda error: ("*" * (error.end - error.start), error.end)
    )
    return "a\u20ac\u20acb".encode("ascii", "corpus-stars")


@case(("<a href='x'>T&amp;J &eacute; &#8364; &lt;</a>",))
def html_escapes(text):
    return html.escape(text), html.unescape(text), html.escape("'\"", quote=False)


class Links(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_data(self, data):
        if data.strip():
            self.seen.append(data.strip())

    def handle_comment(self, data):
        self.seen.append(("comment", data))


@case(("<p class=big>One <br/>&amp; <a href='u'>two</a></p><!-- c -->",))
def html_parsing(text):
    parser = Links()
    parser.feed(text)
    parser.close()
    return parser.seen


@case((1234567.891,))
def locale_basics(x):
    return (
        locale.str(1.5),
        locale.atof("2.5"),
        locale.format_string("%.2f", x),
        locale.localeconv()["decimal_point"],
        sorted(["b", "a"], key=locale.strxfrm),
    )
