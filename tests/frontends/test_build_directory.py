"""The build directory, read as Hatch reads it, without Hatch."""

from __future__ import annotations

from pathlib import Path

import pytest

from bucketwheel.errors import Misconfigured
from bucketwheel.frontends.build_directory import build_directory


@pytest.mark.parametrize(
    ("pyproject", "hatch_toml", "directory"),
    [
        (None, None, "dist"),
        ("[project]\nname = 'demo'\n", None, "dist"),
        ("[tool.hatch.build]\ndirectory = 'out'\n", None, "out"),
        ("[tool.hatch.build]\nreproducible = true\n", None, "dist"),
        ("[tool]\nhatch = 'no table'\n", None, "dist"),
        (None, "[build]\ndirectory = 'out'\n", "out"),
        ("[tool.hatch.build]\ndirectory = 'out'\n", "[build]\ndirectory = 'other'\n", "other"),
        ("[tool.hatch.build]\ndirectory = 'out'\n", "[build]\nreproducible = true\n", "dist"),
        ("[tool.hatch.build]\ndirectory = 'out'\n", "[envs.test]\n", "out"),
    ],
)
def test_hatchs_setting_or_dist(tmp_path: Path, pyproject: str | None, hatch_toml: str | None, directory: str) -> None:
    """A table of hatch.toml takes the place of pyproject.toml's, whole, as in Hatch; without any it is `dist`."""
    _write(tmp_path, pyproject, hatch_toml)
    assert build_directory(tmp_path) == tmp_path / directory


@pytest.mark.parametrize(
    ("pyproject", "hatch_toml", "message"),
    [
        (
            "[tool.hatch.build]\ndirectory = 3\n",
            None,
            "tool.hatch.build.directory in pyproject.toml is not a directory",
        ),
        ("[tool.hatch.build]\ndirectory = ''\n", None, "tool.hatch.build.directory in pyproject.toml is not a dire"),
        (None, "[build]\ndirectory = ['out']\n", "build.directory in hatch.toml is not a directory name"),
        (None, "[build\n", "hatch.toml cannot be read as TOML"),
        (None, "\ud8ff", "hatch.toml cannot be read as TOML"),
    ],
)
def test_a_setting_that_is_no_directory_is_refused(
    tmp_path: Path, pyproject: str | None, hatch_toml: str | None, message: str
) -> None:
    """The error names the setting and its file."""
    _write(tmp_path, pyproject, hatch_toml)
    with pytest.raises(Misconfigured) as caught:
        build_directory(tmp_path)
    assert str(caught.value).startswith(message)


def _write(root: Path, pyproject: str | None, hatch_toml: str | None) -> None:
    for name, text in (("pyproject.toml", pyproject), ("hatch.toml", hatch_toml)):
        if text is not None:
            (root / name).write_bytes(text.encode("utf-8", "surrogatepass"))
