"""Renders the pages of the specification into `docs/python-subset.md`. Run it after a page has changed.

A page's blocks of Python are definitions, and calls with what CPython says to them behind `#`. `tests/python/test_spec.py`
runs each call in CPython and in the engines.
"""

from pathlib import Path

HERE = Path(__file__).resolve().parent
RENDERED = HERE.parents[1] / "docs" / "python-subset.md"
HEAD = """# Python, compiled

What the `native` engine compiles, by example. Behind each call is its result, or its exception, in CPython 3.11: the same in compiled
code. The examples are tests, and this page is made of them (`compiler/spec/`). What else there is, and the few places where compiled
code is known to differ, is in the [README](../README.md#what-it-does-not-do-yet).
"""


def pages() -> list[Path]:
    """The pages, in order."""
    return sorted(HERE.glob("*.md"))


def rendered() -> str:
    """All pages as one."""
    texts = (page.read_text(encoding="utf-8").strip() for page in pages())
    whole = "\n\n".join([HEAD.strip(), *texts]) + "\n"
    # What a block is for is the tests' to know.
    for kind in ("leaves", "refused"):
        whole = whole.replace(f"```python {kind}\n", "```python\n")
    return whole


if __name__ == "__main__":
    RENDERED.write_text(rendered(), encoding="utf-8")
