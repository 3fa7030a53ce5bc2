"""The session of the SDK, from which every client is made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bucketwheel.places import Connection

if TYPE_CHECKING:
    import boto3
    from botocore.loaders import Loader

__all__ = ["open_session"]


def open_session(connection: Connection, **variables: str) -> boto3.Session:
    """Make a session for a connection, with these settings of the SDK; raises what the SDK does for its profile."""
    import boto3  # noqa: PLC0415 - takes a tenth of a second, only where a service of AWS is used
    import botocore.session  # noqa: PLC0415 - see above

    inner = botocore.session.Session()
    for name, value in variables.items():
        inner.set_config_variable(name, value)
    session = boto3.Session(botocore_session=inner, profile_name=connection.profile, region_name=connection.region)
    _list_services_by_folder(inner.get_component("data_loader"))
    return session


def _list_services_by_folder(loader: Loader) -> None:
    """Let the SDK know its services by the names of their folders.

    It looks into a thousand folders for one file before it makes a client, which is a tenth of the time of a small
    publish. What a folder lacks is found when it is read.
    """

    def folders(type_name: str) -> list[str]:
        del type_name
        return [folder.name for path in map(Path, loader.search_paths) if path.is_dir() for folder in path.iterdir()]

    loader.list_available_services = folders  # type: ignore[method-assign]
