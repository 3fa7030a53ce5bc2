"""A listing taken apart: manifests, what lies in each project's folder, and what lies elsewhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bucketwheel.format.layout import SETTINGS_KEY, Layout, project_of
from bucketwheel.names import ProjectName
from bucketwheel.storage import Key, Listed

__all__ = ["Ground", "sort_out"]

_OURS = SETTINGS_KEY.rpartition("/")[0] + "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a listing shows, by what it would be."""

    objects: Mapping[Key, Listed]
    """All of it."""
    manifests: Mapping[ProjectName, Listed]
    folders: Mapping[str, Mapping[Key, Listed]]
    """What lies below the index, by the folder; of any name, also where no project could have it."""
    root: Mapping[Key, Listed]
    """What lies in the index itself."""
    elsewhere: Mapping[Key, Listed]


def sort_out(listing: Iterable[Listed], layout: Layout) -> Ground:
    """Tell what each object of a listing would be by its key."""
    objects = {entry.key: entry for entry in listing}
    manifests: dict[ProjectName, Listed] = {}
    folders: dict[str, dict[Key, Listed]] = defaultdict(dict)
    root: dict[Key, Listed] = {}
    elsewhere: dict[Key, Listed] = {}
    for key, entry in objects.items():
        if key.startswith(_OURS):
            if (project := project_of(key)) is not None:
                manifests[project] = entry
        elif not key.startswith(layout.simple):
            elsewhere[key] = entry
        elif "/" in (inside := key.removeprefix(layout.simple)):
            folders[inside.partition("/")[0]][key] = entry
        else:
            root[key] = entry
    return Ground(objects=objects, manifests=manifests, folders=dict(folders), root=root, elsewhere=elsewhere)
