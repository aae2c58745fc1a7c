"""Which modules of the standard library tasks have."""

import importlib
import sys

def import_all() -> None:
    for name in sorted(sys.stdlib_module_names):
        if name in ("this", "antigravity", "idlelib", "turtledemo"): continue
        try: importlib.import_module(name)
        except ImportError: pass
