"""`python -m conformance`, which is the same as `conformance`."""

import sys

from conformance.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
