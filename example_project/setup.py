"""For `python setup.py sdist fetch_artifacts upload_all`; everything it needs to know stands in pyproject.toml."""

from setuptools import setup

setup()
