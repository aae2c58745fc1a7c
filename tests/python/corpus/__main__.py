"""Prints the outcome of every case: `python -m corpus [theme ...]`, with tests/python in the path."""

import contextlib
import json
import sys

from corpus import load
from outcomes import outcomes_of

with contextlib.redirect_stdout(sys.stderr):
    found = {
        case.name: [repr(outcome) for outcome in outcomes_of(case.function, case.calls)]
        for case in load()
        if len(sys.argv) == 1 or case.theme in sys.argv[1:]
    }
json.dump(found, sys.stdout, indent=1)
