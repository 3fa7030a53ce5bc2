"""`bucketwheel` and `python -m bucketwheel`."""

from __future__ import annotations

import io
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; exits as the command does."""
    try:
        _main()
    except (KeyboardInterrupt, RuntimeError) as error:  # before a command has begun
        from bucketwheel.frontends.interrupt import interrupted, is_interrupt  # noqa: PLC0415 - seldom needed

        if not is_interrupt(error):
            raise
        sys.exit(f"error: {interrupted(writing=False)}")


def _main() -> None:
    from bucketwheel.frontends.collector import at_rest  # noqa: PLC0415 - see below

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A path may have characters that the encoding of the terminal lacks.
            stream.reconfigure(errors="backslashreplace")
    with at_rest():
        from bucketwheel.frontends.cli import cli  # noqa: PLC0415 - takes long enough to be interrupted

        cli(prog_name="bucketwheel")


if __name__ == "__main__":
    main()
