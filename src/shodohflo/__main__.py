"""`python -m shodohflo` is the command `shodohflo`."""

import sys
from importlib import import_module
from pathlib import Path

if __name__ == "__main__":
    # `python -m` puts the working directory first, where anybody may have left a module for root to import.
    if not sys.flags.safe_path and Path(sys.path[0]) != Path(__file__).parents[1]:
        del sys.path[0]
    import_module("shodohflo.cli").main()
