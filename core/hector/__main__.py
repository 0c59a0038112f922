"""`python -m hector`."""

from __future__ import annotations

from hector.cli import main

if __name__ == "__main__":
    main()
