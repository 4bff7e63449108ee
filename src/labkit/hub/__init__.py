"""The Hugging Face hub: names, repositories, and downloads that are resumed, checked, and never half there.

Names are loaded when they are used: the store needs the locks of this package, and no network.
"""

from typing import TYPE_CHECKING

from labkit.lazy import lazy_names

if TYPE_CHECKING:
    from labkit.hub.client import endpoint, fetch_repository, is_offline, locate
    from labkit.hub.names import HubName, is_hub_name, parse_hub_name
    from labkit.hub.part import foreign_progress
    from labkit.hub.remote_file import RemoteFile
    from labkit.hub.transfer import Download, Progress, download
    from labkit.hub.types import HubFile, Location, Repository

__all__ = [
    "Download",
    "HubFile",
    "HubName",
    "Location",
    "Progress",
    "RemoteFile",
    "Repository",
    "download",
    "endpoint",
    "fetch_repository",
    "foreign_progress",
    "is_hub_name",
    "is_offline",
    "locate",
    "parse_hub_name",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Download": "transfer",
        "HubFile": "types",
        "HubName": "names",
        "Location": "types",
        "Progress": "transfer",
        "RemoteFile": "remote_file",
        "Repository": "types",
        "download": "transfer",
        "endpoint": "client",
        "fetch_repository": "client",
        "foreign_progress": "part",
        "is_hub_name": "names",
        "is_offline": "client",
        "locate": "client",
        "parse_hub_name": "names",
    },
)
