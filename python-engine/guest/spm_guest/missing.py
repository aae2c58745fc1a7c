"""What stands for an import that failed: an error only for those who use it."""

from typing import Any, NoReturn


class Missing:
    """Raises the import's error on any use."""

    __slots__ = ("__error",)

    def __init__(self, error: ImportError) -> None:
        """Stand for what `error` says is not there."""
        self.__error = error

    def __fail(self, *_: Any, **__: Any) -> NoReturn:
        raise self.__error.with_traceback(None)

    def __getattr__(self, name: str) -> NoReturn:
        """Fail: whatever is asked of it."""
        del name
        self.__fail()

    __call__ = __iter__ = __len__ = __bool__ = __contains__ = __getitem__ = __setitem__ = __fail
    __enter__ = __exit__ = __await__ = __aiter__ = __anext__ = __next__ = __int__ = __fail
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __fail
    __rtruediv__ = __or__ = __ror__ = __and__ = __rand__ = __mod__ = __rmod__ = __pow__ = __fail
    __lt__ = __le__ = __gt__ = __ge__ = __neg__ = __float__ = __index__ = __format__ = __fail
    __mro_entries__ = __instancecheck__ = __subclasscheck__ = __matmul__ = __floordiv__ = __fail
