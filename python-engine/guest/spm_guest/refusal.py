"""Why a value cannot cross the sandbox, and where in the value.

The wording is that of `python-bridge/src/codec/refusal.rs`: users see both.
"""

from typing import Any, Final

_STEPS_MAX: Final = 12
_REPR_CHARS_MAX: Final = 40


class Refused(Exception):  # never leaves the codec
    """A value that cannot cross. `steps` lead to it, innermost first."""

    def __init__(self, why: str) -> None:
        """Say `why`."""
        super().__init__(why)
        self.why = why
        self.steps: list[str] = []

    def within(self, step: str) -> "Refused":
        """See it from the container."""
        self.steps.append(step)
        return self

    def error(self, root: str) -> TypeError:
        """Make the exception for the user. `root` is what the outermost value is called."""
        path = "".join(self.steps[: -_STEPS_MAX - 1 : -1])
        rest = "..." if len(self.steps) > _STEPS_MAX else ""
        return TypeError(f"{root}{path}{rest}: {self.why}")


def short_repr(value: Any) -> str:
    """Make a short `repr`, for paths."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001
        return "..."
    if len(text) <= _REPR_CHARS_MAX:
        return text
    return text[: _REPR_CHARS_MAX - 3] + "..."


def refused(value: Any, kind: type) -> Refused:
    """Make the refusal of a value that is of no type that crosses."""
    del value
    name = kind.__qualname__
    if name in {"function", "builtin_function_or_method", "method", "Closure"}:
        what = "a function"
    elif name == "module":
        what = "a module"
    elif name == "type" or issubclass(kind, type):
        what = "a class"
    elif name == "generator":
        what = "a generator"
    else:
        what = f"{'an' if name[:1] in set('aeiouAEIOU') else 'a'} `{name}`"
    for base in kind.__mro__[1:]:
        if base.__module__ == "builtins" and base is not object:
            if base.__qualname__ in {"type", "Exception", "BaseException"}:
                break
            return Refused(
                f"{what} cannot cross the sandbox, "
                f"and it is not sent as the `{base.__qualname__}` it derives from"
            )
    return Refused(f"{what} cannot cross the sandbox")
