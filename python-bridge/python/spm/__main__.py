"""`python -m spm`, and the command `spm`."""

import sys

from ._cli import main

if __name__ == "__main__":
    sys.exit(main())
