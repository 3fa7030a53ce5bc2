"""A package with one thing to say."""

from __future__ import annotations

from importlib.metadata import version

__all__ = ["__version__", "greeting"]

__version__ = version("bucketwheel-example")


def greeting(name: str = "world") -> str:
    """Greet somebody, and say which release does so."""
    return f"Hello, {name}, from bucketwheel-example {__version__}!"
