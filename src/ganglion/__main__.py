"""Lets `python -m ganglion` be the `ganglion` command."""

from __future__ import annotations

from ganglion.cli import main

if __name__ == "__main__":
    main()
