"""What runs a script inside the sandbox. It is read as text, and travels: no module of SPM's is there."""


def run_script(
    source: str, argv: list[str], env: dict[str, str], stdin: bytes, shows: int
) -> tuple[int, bytes, bytes]:
    """Run a script's text as `__main__`. `shows` says which outputs are shown while it runs, as bits."""
    import io
    import linecache
    import os
    import sys
    import traceback

    class Kept(io.RawIOBase):
        def __init__(self, is_shown: bool) -> None:
            self.content = bytearray()
            self.is_shown = is_shown

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            piece = bytes(data)  # type: ignore[call-overload]  # whatever has bytes
            self.content += piece
            if self.is_shown:
                shown.write(piece.decode(errors="replace"))
            return len(piece)

    shown, out, err = sys.stdout, Kept(bool(shows & 1)), Kept(bool(shows & 2))
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
    sys.stdout = io.TextIOWrapper(out, encoding="utf-8", write_through=True)
    sys.stderr = io.TextIOWrapper(
        err, encoding="utf-8", errors="backslashreplace", write_through=True
    )
    sys.argv = argv
    os.environ.update(env)
    linecache.cache[argv[0]] = len(source), None, source.splitlines(keepends=True), argv[0]
    status: object = 0
    try:
        exec(compile(source, argv[0], "exec"), {"__name__": "__main__", "__file__": argv[0]})  # noqa: S102 - the script
    except SystemExit as error:
        status = error.code
    except BaseException as error:  # noqa: BLE001 - as the interpreter does at the end of a script
        entry = error.__traceback__
        traceback.print_exception(type(error), error, entry and entry.tb_next)
        status = 1
    if status is None:
        status = 0
    if not isinstance(status, int):
        print(status, file=sys.stderr)  # noqa: T201 - as the interpreter does
        status = 1
    return status & 0xFF, bytes(out.content), bytes(err.content)
