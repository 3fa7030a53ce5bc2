"""The setuptools door: `python setup.py sdist fetch_artifacts upload_all`.

setuptools loads this module whenever it reads a pyproject.toml, in every build on the machine. So the work is in
`bucketwheel.frontends.setup_commands`, which is imported when a command runs. Users of wheelhouse-uploader write
`cmdclass.update(vars(this module))`, so every name that stays here becomes a command.
"""

from __future__ import annotations

from setuptools import Command

__all__ = ["fetch_artifacts", "upload_all"]


class fetch_artifacts(Command):  # noqa: N801  # setuptools shows commands by the names of their classes
    """The command that downloads the current version of this project from the `artifact-indexes`."""

    description = "download this version's wheels and sdists from the artifact-indexes"
    user_options = [  # noqa: RUF012  # setuptools wants a list
        ("dist-dir=", "d", "directory to download into [default: that of sdist, dist]"),
    ]

    dist_dir: str | None

    def initialize_options(self) -> None:
        """Set all options to their defaults."""
        self.dist_dir = None

    def finalize_options(self) -> None:
        """Take missing options from sdist."""
        self.set_undefined_options("sdist", ("dist_dir", "dist_dir"))

    def run(self) -> None:
        """Download."""
        from bucketwheel.frontends.setup_commands import fetch_version  # noqa: PLC0415  # see the module's docstring

        fetch_version(self)


class upload_all(Command):  # noqa: N801  # setuptools shows commands by the names of their classes
    """The command that publishes the current version of this project: what this run built, and the dist directory."""

    description = "publish every wheel and sdist of this version to a bucketwheel repository"
    user_options = [  # noqa: RUF012  # setuptools wants a list
        ("repository=", "r", "where to publish: s3://bucket/prefix, a directory such as ./repository, or a name"),
        ("skip-existing", None, "skip files that are published with other bytes"),
        ("strict", None, "refuse files that are published already, even with the same bytes"),
        ("dry-run", "n", "check everything and show what would be done, write nothing"),
        ("dist-dir=", "d", "directory to publish from [default: that of sdist, dist]"),
    ]
    boolean_options = ["skip-existing", "strict", "dry-run"]  # noqa: RUF012  # setuptools wants a list

    repository: str | None
    skip_existing: bool
    strict: bool
    dist_dir: str | None
    # `dry_run` is an attribute of setuptools: before version 81 it is also the global option, which must stay visible.

    def initialize_options(self) -> None:
        """Set all options to their defaults."""
        self.repository = None
        self.skip_existing = False
        self.strict = False
        self.dist_dir = None

    def finalize_options(self) -> None:
        """Take missing options from sdist."""
        self.set_undefined_options("sdist", ("dist_dir", "dist_dir"))

    def run(self) -> None:
        """Publish."""
        from bucketwheel.frontends.setup_commands import upload_version  # noqa: PLC0415  # see the module's docstring

        upload_version(self)


del annotations, Command
