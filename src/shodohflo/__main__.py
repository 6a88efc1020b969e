"""`python -m shodohflo` is the command `shodohflo`."""

from shodohflo.cli import main

if __name__ == "__main__":
    main()
