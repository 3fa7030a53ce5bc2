"""The Hatch door: `hatch publish -p s3`, which looks and ends like Hatch's own publisher. Hatch 1.10 and newer."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Any

import click
from click.core import ParameterSource
from hatch.publish.plugin.interface import PublisherInterface

from bucketwheel import BucketwheelError, Misconfigured, Publication, Settings, Unfinished, load_settings, publish
from bucketwheel.errors import Problem
from bucketwheel.events import Event, RequestSent, Stage, Warned
from bucketwheel.frontends.build_directory import build_directory
from bucketwheel.frontends.text import describe, error_texts, fate_words, install_line, page_lines
from bucketwheel.names import printable

__all__ = ["S3Publisher"]

# What Hatch puts among the `-o` pairs; we never prompt, and there is no user and password to save.
_NOT_OURS = {"no_prompt", "initialize_auth"}

# Hatch takes these from everybody and passes them to its index publisher only.
_INDEX_ONLY = {
    "user": "-u/--user",
    "auth": "-a/--auth",
    "ca_cert": "--ca-cert",
    "client_cert": "--client-cert",
    "client_key": "--client-key",
    "initialize_auth": "--initialize-auth",
}

# Events come from any thread, and Hatch's one console is switched between its two streams for each line.
_TERMINAL = Lock()


class S3Publisher(PublisherInterface):
    """Publishes to a repository in S3 or in a directory; Hatch makes one and calls `publish`."""

    PLUGIN_NAME = "s3"

    def publish(self, artifacts: list[str], options: dict[str, Any]) -> None:
        """Publish files, directories and patterns, by default the build directory; ends Hatch with the exit status."""
        try:
            self._warn_about_index_options()
            settings = self._settings(options)
            publication = publish(self._paths(artifacts), settings, report=self._report)
        except BucketwheelError as error:
            self._fail(error)
        else:
            self._tell(publication)

    # What to do ------------------------------------------------------------------------------------------------------

    def _settings(self, options: dict[str, Any]) -> Settings:
        given = {key.replace("_", "-"): value for key, value in options.items() if key not in _NOT_OURS}
        repo = _typed("repo")
        if repo is not None and given.setdefault("repository", repo) != repo:
            raise Misconfigured(
                Problem(subject="-r/--repo", what="and -o repository name two places", remedy="give only one of them")
            )
        settings = load_settings(
            Path(self.root),
            options=given,
            option_prefix="-o ",
            hatch_table=self.plugin_config,
            required=("repository",),
        )
        for warning in settings.warnings:
            self._report(Warned(message=warning))
        return settings

    def _warn_about_index_options(self) -> None:
        names = [name for option, name in _INDEX_ONLY.items() if _typed(option) is not None]
        if names:
            message = f"{', '.join(names)}: without meaning here; credentials come from AWS's own chain"
            self._report(Warned(message=message))

    def _paths(self, artifacts: list[str]) -> list[Path]:
        """What was named, from the project's root as Hatch has it, and written from here where that is shorter."""
        here, root = Path.cwd(), Path(self.root)
        named = [root / artifact for artifact in artifacts] or [build_directory(root)]
        return [path.relative_to(here) if path.is_relative_to(here) else path for path in named]

    # What to say -----------------------------------------------------------------------------------------------------

    def _report(self, event: Event) -> None:
        text = describe(event, verbosity=self.app.verbosity)
        if text is None:
            return
        with _TERMINAL:
            match event:
                case Warned():
                    self.app.display_warning(text)
                case RequestSent() | Stage(total_bytes=0):
                    self.app.display_debug(text)
                case Stage():
                    self.app.display_waiting(text)
                case _:
                    self.app.display_info(text)

    def _tell(self, publication: Publication) -> None:
        if self.app.verbosity < 0:
            return  # Hatch would leave the names of the files away, and still say that something "already exists"
        for file in publication.files:
            self.app.display_info(f"{self._displayed(file.path)} ...", end=" ")
            if file.fate != "published":
                self.app.display_warning(fate_words(file))
            elif publication.dry_run:
                self.app.display_success("would be published")
            else:
                self.app.display_success(fate_words(file))
        if publication.dry_run:
            for line in page_lines(publication):
                self.app.display_info(line)
            return
        for project in sorted({file.project for file in publication.files if file.fate == "published"}):
            self.app.display_info()
            self.app.display_mini_header(project)
            self.app.display_info(f"{publication.index_url}{project}/")
        self.app.display_info(install_line(publication))

    def _displayed(self, path: Path) -> str:
        absolute, root = Path.cwd() / path, Path(self.root)
        return printable(str(absolute.relative_to(root) if absolute.is_relative_to(root) else path))

    def _fail(self, error: BucketwheelError) -> None:
        # Hatch has no exit status for settings alone; 3 stays: it asks for the same command once more.
        self.app.abort("\n".join(error_texts(error)), code=3 if isinstance(error, Unfinished) else 1)


def _typed(option: str) -> Any:  # noqa: ANN401  # click's parameters have any type
    """What was given to one of Hatch's own options on this command line; HATCH_INDEX_REPO and its like are PyPI's."""
    context = click.get_current_context(silent=True)
    if context is None or context.get_parameter_source(option) is not ParameterSource.COMMANDLINE:
        return None
    return context.params[option]
