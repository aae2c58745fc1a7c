"""json, csv, configparser, tomllib, plistlib, xml, sqlite3."""

import configparser
import csv
import io
import json
import plistlib
import tomllib
import xml.etree.ElementTree as ET
import xml.sax
from datetime import date, datetime
from decimal import Decimal
from xml.dom import minidom

from corpus import case


@case(([1, 2.5, "x\u00e9\n", None, True, {"k": [], "j": {}}],), ({},), (1e100,))
def json_text(value):
    return (
        json.dumps(value),
        json.dumps(value, indent=2, ensure_ascii=False),
        json.dumps(value, separators=(",", ":"), sort_keys=True),
    )


@case(
    ('{"a": [1, 2.0, "\\u20ac", null, true], "b": {"c": -1e3}}',),
    ("[]",),
    ('"\\ud83d\\ude00"',),
    ("NaN",),
)
def json_values(text):
    return (
        json.loads(text),
        json.loads(text, parse_float=Decimal),
        json.loads(text, object_pairs_hook=lambda pairs: pairs),
    )


class Encoder(json.JSONEncoder):
    def default(self, value):
        if isinstance(value, (date, datetime)):
            return {"$date": value.isoformat()}
        if isinstance(value, (set, frozenset)):
            return sorted(value)
        return super().default(value)


@case(({"d": date(2024, 2, 29), "s": {3, 1}},), (1j,))
def json_with_an_encoder_of_ones_own(value):
    try:
        return json.dumps(value, cls=Encoder)
    except TypeError as error:
        return str(error)


@case(('[{"$date": "2024-02-29"}, {"x": 1}]',))
def json_with_a_hook(text):
    def revive(found):
        return date.fromisoformat(found["$date"]) if "$date" in found else found

    return json.loads(text, object_hook=revive), json.JSONDecoder().raw_decode("[1] rest")


@case(("{'a': 1}",), ("[1, 2",), ("",), ("[1] x",))
def json_that_is_wrong(text):
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        return error.lineno, error.colno, error.pos, error.doc


@case((Decimal("1.5"),))
def json_refuses_by_type(value):
    # From 3.14 on the exception has notes.
    try:
        return json.dumps({"k": [value]})
    except TypeError as error:
        return str(error)


@case()
def json_circular():
    loop = []
    loop.append(loop)
    try:
        return json.dumps(loop)
    except ValueError as error:
        return str(error)


@case(('name,age\n"Smith, J",42\n"O""K",\n',), ("a;b\n1;2\n",))
def csv_rows(text):
    dialect = csv.Sniffer().sniff(text, ",;")
    return (
        list(csv.reader(io.StringIO(text))),
        list(csv.DictReader(io.StringIO(text), dialect=dialect)),
        dialect.delimiter,
    )


@case(([["a", 1, None], ['q"t', "x,y", 2.5]],))
def csv_written(rows):
    plain, quoted = io.StringIO(newline=""), io.StringIO(newline="")
    csv.writer(plain).writerows(rows)
    writer = csv.DictWriter(
        quoted,
        ["k", "v"],
        restval="-",
        extrasaction="ignore",
        quoting=csv.QUOTE_ALL,
        lineterminator="\n",
    )
    writer.writeheader()
    writer.writerow({"k": 1, "other": 2})
    return plain.getvalue(), quoted.getvalue()


@case(("a\0b",))
def csv_refuses(text):
    try:
        return list(csv.reader(["x" * 10], delimiter=text))
    except TypeError as error:
        return type(error).__name__


INI = """
[DEFAULT]
root = /srv
debug = no
[site "a"]
path = %(root)s/a
port = 8080
[empty]
flag
"""


@case(('site "a"', "path"), ("empty", "root"), ("none", "x"), ("empty", "x"))
def configuration(section, option):
    parser = configparser.ConfigParser(allow_no_value=True)
    parser.read_string(INI)
    try:
        found = parser.get(section, option)
    except configparser.Error as error:
        return type(error).__name__, error.message
    out = io.StringIO()
    parser.set(section, "added", "1")
    parser.write(out)
    return (
        found,
        parser.sections(),
        parser.getboolean(section, "debug"),
        parser.getint('site "a"', "port"),
        out.getvalue(),
    )


TOML = """
title = "T\\u00e9"
numbers = [1, 0x1F, 1_000, 2.5e3, inf]
when = 2024-02-29T12:30:00Z
day = 2024-02-29
[owner]
name.first = 'Tom'
[[items]]
n = 1
[[items]]
n = 2
text = \"\"\"
two
lines\"\"\"
"""


@case()
def toml():
    return tomllib.loads(TOML)


@case(("a = ",), ("[x\n",), ("a = 1\na = 2",))
def toml_that_is_wrong(text):
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return isinstance(error, ValueError)


@case(({"name": "x", "n": [1, 2.5, True], "data": b"\x00\xff", "when": datetime(2024, 2, 29)},))
def property_lists(value):
    text = plistlib.dumps(value, sort_keys=False)
    binary = plistlib.dumps(value, fmt=plistlib.FMT_BINARY)
    return text.decode().splitlines()[3:6], plistlib.loads(text) == value, plistlib.loads(binary)


XML = (
    "<shop name='S&amp;P'><item id='1'>pen</item><item id='2'><b>ink</b>!</item><!-- no --></shop>"
)


@case()
def element_trees():
    root = ET.fromstring(XML)
    for item in root.iter("item"):
        item.set("seen", "yes")
    added = ET.SubElement(root, "extra", {"k": "<v>"})
    added.text, added.tail = "a & b", "end"
    ET.indent(root, " ")
    return (
        root.tag,
        root.get("name"),
        [e.text for e in root.findall("item")],
        root.findtext("item/b"),
        root.find("item[@id='2']").attrib,
        "".join(root[1].itertext()).strip(),
        ET.tostring(root, "unicode"),
    )


@case(("<a><b></a>",), ("",), ("<a/><b/>",))
def xml_that_is_wrong(text):
    try:
        return ET.fromstring(text).tag
    except ET.ParseError as error:
        return error.code, error.position


@case()
def events_and_namespaces():
    source = io.BytesIO(b"<r xmlns:n='urn:n'><n:a x='1'/><n:a/></r>")
    events = [
        (event, element.tag) for event, element in ET.iterparse(source, events=("start", "end"))
    ]
    return events, ET.canonicalize("<b  z='1' a='2'></b>")


@case()
def the_document_object_model():
    document = minidom.parseString(XML)
    items = document.getElementsByTagName("item")
    items[0].setAttribute("k", "v")
    return (
        [item.getAttribute("id") for item in items],
        items[0].toxml(),
        document.documentElement.childNodes.length,
    )


@case()
def the_simple_api():
    class Handler(xml.sax.ContentHandler):
        def __init__(self):
            super().__init__()
            self.log = []

        def startElement(self, name, attrs):
            self.log.append((name, dict(attrs)))

        def characters(self, content):
            self.log.append(content)

    handler = Handler()
    xml.sax.parseString(b"<a x='1'>t<b/></a>", handler)
    return handler.log


class Inventory:
    """A little document store with its own text format."""

    def __init__(self, text):
        self.rows = []
        for number, line in enumerate(text.splitlines(), 1):
            key, separator, value = line.partition("=")
            if not separator:
                raise ValueError(f"line {number}: no `=` in {line!r}")
            self.rows.append((key.strip(), json.loads(value)))

    def merged(self):
        merged = {}
        for path, value in self.rows:
            *parents, last = path.split(".")
            node = merged
            for parent in parents:
                node = node.setdefault(parent, {})
            node[last] = value
        return merged


@case(('a.b = 1\na.c = ["x"]\nd = null',), ("a 1",), ("",))
def a_text_format(text):
    inventory = Inventory(text)
    return inventory, inventory.merged()
