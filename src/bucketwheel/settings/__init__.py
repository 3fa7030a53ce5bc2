"""Settings: layers of tables, merged and judged; every problem at once, under the path that the user typed."""

from __future__ import annotations

from bucketwheel.settings.keys import KEYS, SettingKey
from bucketwheel.settings.layer import Layer, environment_layer, file_layer, option_layer
from bucketwheel.settings.resolution import Settings, resolve
from bucketwheel.settings.secrets import holds_secret, without_secret

__all__ = [
    "KEYS",
    "Layer",
    "SettingKey",
    "Settings",
    "environment_layer",
    "file_layer",
    "holds_secret",
    "option_layer",
    "resolve",
    "without_secret",
]
