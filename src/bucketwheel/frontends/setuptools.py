"""The setuptools door: `python setup.py sdist fetch_artifacts upload_all`, for projects that still release so.

setuptools loads this whenever it reads a pyproject.toml, in every build on the machine: what the commands do stands in
`bucketwheel.frontends.setup_commands` and is imported when they run. `cmdclass.update(vars(this module))` is the way of
wheelhouse-uploader, so every name that stays here becomes a command.
"""

from __future__ import annotations

from setuptools import Command

__all__ = ["fetch_artifacts", "upload_all"]


class fetch_artifacts(Command):  # noqa: N801  # setuptools shows commands by the names of their classes
    """Downloads what `artifact-indexes` list of this project at its current version."""

    description = "download this version's wheels and sdists from the artifact-indexes"
    user_options = [  # noqa: RUF012  # setuptools wants a list
        ("dist-dir=", "d", "directory to download into [default: that of sdist, dist]"),
    ]

    dist_dir: str | None

    def initialize_options(self) -> None:
        """Start from what nobody said."""
        self.dist_dir = None

    def finalize_options(self) -> None:
        """Take what sdist goes by for what nobody said."""
        self.set_undefined_options("sdist", ("dist_dir", "dist_dir"))

    def run(self) -> None:
        """Download."""
        from bucketwheel.frontends.setup_commands import fetch_version  # noqa: PLC0415  # see the module's docstring

        fetch_version(self.distribution, str(self.dist_dir))


class upload_all(Command):  # noqa: N801  # setuptools shows commands by the names of their classes
    """Publishes what this run built, and what the dist directory holds, of this project at its current version."""

    description = "publish every wheel and sdist of this version to a bucketwheel repository"
    user_options = [  # noqa: RUF012  # setuptools wants a list
        ("repository=", "r", "where to publish: s3://bucket/prefix, a directory such as ./repository, or a name"),
        ("skip-existing", None, "leave files that are published with other bytes as they are"),
        ("strict", None, "refuse files that are published already, even with the same bytes"),
        ("dry-run", "n", "judge everything and say what would be done, write nothing"),
        ("dist-dir=", "d", "directory to publish from [default: that of sdist, dist]"),
    ]
    boolean_options = ["skip-existing", "strict", "dry-run"]  # noqa: RUF012  # setuptools wants a list

    repository: str | None
    skip_existing: bool
    strict: bool
    dist_dir: str | None
    # `dry_run` is setuptools' own: before version 81 it stands for the global option too, which must not be hidden.

    def initialize_options(self) -> None:
        """Start from what nobody said."""
        self.repository = None
        self.skip_existing = False
        self.strict = False
        self.dist_dir = None

    def finalize_options(self) -> None:
        """Take what sdist goes by for what nobody said."""
        self.set_undefined_options("sdist", ("dist_dir", "dist_dir"))

    def run(self) -> None:
        """Publish."""
        from bucketwheel.frontends.setup_commands import upload_version  # noqa: PLC0415  # see the module's docstring

        upload_version(
            self.distribution,
            str(self.dist_dir),
            repository=self.repository,
            skip_existing=bool(self.skip_existing),
            strict=bool(self.strict),
            dry_run=bool(self.dry_run),
        )


del annotations, Command
