"""The Hugging Face hub: names, repositories, and downloads that are resumed, checked, and never half there."""

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
