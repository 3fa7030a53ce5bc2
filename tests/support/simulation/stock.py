"""Distributions to publish: real archives, made once and judged once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from bucketwheel.protocol.plan import Upload
from support.archives import make_sdist, make_wheel
from support.releasing import upload_of
from support.simulation.commands import Publish

__all__ = ["Stock"]


@dataclass(slots=True)
class Stock:
    """A shelf of distributions; the same words give the same bytes."""

    shelf: Path
    _made: dict[tuple[str, str, str, int], Upload] = field(default_factory=dict)

    def wheel(self, project: str, version: str = "1.0", build: int = 0) -> Upload:
        """A wheel; another build of it has the same name and other bytes."""
        return self._take("wheel", project, version, build)

    def sdist(self, project: str, version: str = "1.0", build: int = 0) -> Upload:
        """An sdist, likewise."""
        return self._take("sdist", project, version, build)

    def bytes(self, project: str, version: str = "1.0", build: int = 0) -> bytes:
        """A wheel's content."""
        content = self.wheel(project, version, build).content
        assert isinstance(content, Path)
        return content.read_bytes()

    def release(self, project: str, version: str = "1.0", build: int = 0) -> Publish:
        """A publish of both."""
        return Publish(uploads=(self.wheel(project, version, build), self.sdist(project, version, build)))

    def signed(self, project: str, version: str = "1.0", build: int = 0) -> Publish:
        """A publish of both, with detached signatures."""
        release = self.release(project, version, build)
        return replace(release, uploads=tuple(replace(upload, signature=b"signature") for upload in release.uploads))

    def _take(self, form: str, project: str, version: str, build: int) -> Upload:
        wanted = (form, project, version, build)
        if wanted not in self._made:
            make = make_wheel if form == "wheel" else make_sdist
            path = make(
                self.shelf / str(build), project, version, metadata_extra=f"Summary: build {build}\n" if build else ""
            )
            self._made[wanted] = upload_of(path)
        return self._made[wanted]
