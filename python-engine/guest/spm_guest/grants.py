"""What a closure was granted, where the guest has to do something about it."""

import os


def begin(allow: frozenset[str]) -> None:
    """Look at the environment before a task: the image was made without one."""
    if any(name.startswith("env:") for name in allow):
        reload = getattr(os, "reload_environ", None)
        if reload is not None:
            reload()
