"""`python -m fusionbench` is the `fusionbench` command."""

from __future__ import annotations

import sys

from fusionbench.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
