"""Writes `src/unicode_tables.rs`: the character properties that `str` methods need.

Run with the oldest CPython that SPM supports: its Unicode version is the one the guest has.
"""

import sys
import unicodedata


def spans(test):
    """Lengths of the stretches of code points without and with a property, in turn."""
    lengths, last, inside = [], 0, False
    for code in range(0x110000):
        if test(chr(code)) != inside:
            lengths.append(code - last)
            last, inside = code, not inside
    if inside:
        lengths.append(0x110000 - last)
    return lengths


def packed(lengths):
    """Numbers in 7-bit groups, most significant first, the top bit set in all but the last."""
    data = bytearray()
    for length in lengths:
        groups = [length & 0x7F]
        while length := length >> 7:
            groups.append(length & 0x7F | 0x80)
        data += bytes(reversed(groups))
    return data


def cased(category):
    return lambda char: unicodedata.category(char) == category


# CPython's isupper and islower go by the derived properties Uppercase and Lowercase.
TABLES = {
    "ALPHA": ("`isalpha`", str.isalpha),
    "DECIMAL": ("`isdecimal`", str.isdecimal),
    "DIGIT": ("`isdigit`", str.isdigit),
    "NUMERIC": ("`isnumeric`", str.isnumeric),
    "PRINTABLE": ("`isprintable`", str.isprintable),
    "LOWER": ("Lowercase", lambda char: char.islower()),
    "UPPER": ("Uppercase", lambda char: char.isupper()),
    "TITLE": ("category Lt", cased("Lt")),
    "IGNORABLE": (
        "characters that a final sigma looks past",
        # No attribute of `unicodedata` tells; CPython's own lowering does.
        lambda char: ("A" + char + "\u03a3").lower().endswith("\u03c2") and not char.isupper() and not char.islower()
        and not unicodedata.category(char) == "Lt",
    ),
}


def main():
    print("//! Character properties: made by `tools/unicode_tables.py`, Unicode " + unicodedata.unidata_version + ".")
    print("//!")
    print("//! Lengths of the stretches of code points without and with a property in turn, each in groups of 7 bits.")
    for name, (doc, test) in TABLES.items():
        data = packed(spans(test))
        text = "".join(f"\\x{byte:02x}" for byte in data)
        print(f"\n/// {doc}.")
        print(f"pub static {name}: &[u8] = b\"\\")
        for start in range(0, len(text), 96):
            print(text[start : start + 96] + "\\")
        print('";')
    entries = []
    for code in range(0x80, 0x110000):
        char = chr(code)
        if 0xD800 <= code < 0xE000:
            continue
        if char.title() != char.upper():
            entries.append(char + char.title())
    print("\n/// Characters whose title case is not their upper case: the character, its title case, NUL.")
    escaped = "".join(f"\\u{{{ord(char):x}}}" for entry in entries for char in entry + "\0")
    print('pub static TITLE_CASE: &str = "\\')
    start = 0
    while start < len(escaped):
        end = min(start + 96, len(escaped))
        while end < len(escaped) and escaped[end] != "\\":
            end += 1
        print(escaped[start:end] + "\\")
        start = end
    print('";')


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="ascii")
    main()
