"""The layers of one run, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bucketwheel.config.layers import environment_layer, file_layer, option_layer
from bucketwheel.config.values import Layer

__all__ = ["SOURCES", "Table", "layers"]

Table = Mapping[str, object]

SOURCES = {
    "options": Path("/current"),
    "environment": Path("/current"),
    "hatch": Path("/project"),
    "project": Path("/project"),
    "user": Path("/home/me/.config/bucketwheel"),
}


def layers(
    *,
    options: Table | None = None,
    environment: Mapping[str, str] | None = None,
    hatch: Table | None = None,
    project: Table | None = None,
    user: Table | None = None,
) -> tuple[Layer, ...]:
    """Stack the tables as `load_settings` does, the strongest first."""
    return (
        option_layer(options or {}, prefix="--", base=SOURCES["options"]),
        environment_layer(environment or {}, base=SOURCES["environment"]),
        file_layer(hatch or {}, prefix="tool.hatch.publish.s3.", base=SOURCES["hatch"]),
        file_layer(project or {}, prefix="tool.bucketwheel.", base=SOURCES["project"]),
        file_layer(user or {}, prefix="config.toml: ", base=SOURCES["user"]),
    )
