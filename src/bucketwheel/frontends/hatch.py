"""The Hatch door: `hatch publish -p s3`, with the output and exit of Hatch's own publisher. Hatch 1.10 and newer."""

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
from bucketwheel.frontends.build_directory import build_directory, from_here
from bucketwheel.frontends.interrupt import interrupt_in_words
from bucketwheel.frontends.progress import showing
from bucketwheel.frontends.text import describe, error_texts, fate_words, install_line, page_lines, reading_line
from bucketwheel.names import printable

__all__ = ["S3Publisher"]

# Hatch adds these to the `-o` pairs; this publisher never prompts and has no password to save.
_NOT_OURS = {"no_prompt", "initialize_auth"}

# Hatch accepts these for all publishers, and uses them for its index publisher only.
_INDEX_ONLY = {
    "user": "-u/--user",
    "auth": "-a/--auth",
    "ca_cert": "--ca-cert",
    "client_cert": "--client-cert",
    "client_key": "--client-key",
    "initialize_auth": "--initialize-auth",
}

# Events come from any thread, and Hatch switches its one console between two streams for each line.
_TERMINAL = Lock()


class S3Publisher(PublisherInterface):
    """The publisher to a repository in S3 or in a directory; Hatch makes one and calls `publish`."""

    PLUGIN_NAME = "s3"

    def publish(self, artifacts: list[str], options: dict[str, Any]) -> None:
        """Publish files, directories and patterns, by default the build directory; ends Hatch after an error."""
        try:
            self._warn_about_index_options()
            with (
                interrupt_in_words() as watched,
                showing(self._report, self._say, verbosity=self.app.verbosity) as show,
            ):
                report = watched(show)
                settings = self._settings(options)
                publication = publish(self._paths(artifacts), settings, report=report)
        except BucketwheelError as error:
            # Hatch has no exit status for settings; 3 asks for the same command again, as on our command line.
            texts = [
                text.replace("--skip-existing", "-o existing=skip") for text in error_texts(error, option="-o {}=")
            ]
            self.app.abort("\n".join(texts), code=3 if isinstance(error, Unfinished) else 1)
        else:
            self._tell(publication)

    # Input -----------------------------------------------------------------------------------------------------------

    def _warn_about_index_options(self) -> None:
        names = [name for option, name in _INDEX_ONLY.items() if _typed(option) is not None]
        if names:
            message = f"{', '.join(names)}: no effect here; credentials come from the AWS chain"
            self._report(Warned(message=message))

    def _settings(self, options: dict[str, Any]) -> Settings:
        given = {key.replace("_", "-"): value for key, value in options.items() if key not in _NOT_OURS}
        repo = _typed("repo")
        if repo is not None and given.setdefault("repository", repo) != repo:
            raise Misconfigured(
                Problem(subject="-r/--repo", what="and -o repository name two places", remedy="drop one of them")
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

    def _paths(self, artifacts: list[str]) -> list[Path]:
        """Return what was named, from the project's root as in Hatch."""
        root = Path(self.root)
        return [from_here(path) for path in [root / artifact for artifact in artifacts] or [build_directory(root)]]

    # Output ----------------------------------------------------------------------------------------------------------

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

    def _say(self, text: str) -> None:
        with _TERMINAL:
            self.app.display_info(text)

    def _tell(self, publication: Publication) -> None:
        if self.app.verbosity < 0:
            return  # Hatch would hide the names of the files, and still say that something "already exists"
        for file in publication.files:
            self.app.display_info(f"{self._displayed(file.path)} ...", end=" ")
            if file.fate != "published":
                self.app.display_warning(fate_words(file))
            else:
                self.app.display_success("would be published" if publication.dry_run else fate_words(file))
        if publication.dry_run:
            for line in page_lines(publication):
                self.app.display_info(line)
            return
        for project in sorted({file.project for file in publication.files if file.fate == "published"}):
            self.app.display_info()
            self.app.display_mini_header(project)
            self.app.display_info(f"{publication.index_url}{project}/")
        if install := install_line(publication):
            for line in (*reading_line(publication), install):
                self.app.display_info(line)

    def _displayed(self, path: Path) -> str:
        absolute, root = Path.cwd() / path, Path(self.root)
        return printable(str(absolute.relative_to(root) if absolute.is_relative_to(root) else path))


def _typed(option: str) -> Any:  # noqa: ANN401  # click's parameters have any type
    """Return what was typed for one of Hatch's own options; its variables, such as HATCH_INDEX_REPO, are for PyPI."""
    context = click.get_current_context(silent=True)
    if context is None or context.get_parameter_source(option) is not ParameterSource.COMMANDLINE:
        return None
    return context.params[option]
