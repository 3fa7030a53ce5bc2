"""The doors to one core: Hatch's publisher, setuptools' commands, the command line. They find words and exits only."""
