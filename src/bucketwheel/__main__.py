"""`bucketwheel` and `python -m bucketwheel`."""

from __future__ import annotations

import io
import sys

from bucketwheel.frontends.cli import cli

__all__ = ["main"]


def main() -> None:
    """Run the command line; exits as the command does."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A path may have characters that the encoding of the terminal lacks.
            stream.reconfigure(errors="backslashreplace")
    cli(prog_name="bucketwheel")


if __name__ == "__main__":
    main()
