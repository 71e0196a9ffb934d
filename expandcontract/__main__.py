"""`python -m expandcontract` is `ec`."""

import sys

from expandcontract.cli import main

if __name__ == "__main__":
    sys.exit(main())
