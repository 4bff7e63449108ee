"""A hub in a box: a small server that speaks the parts of the Hugging Face hub's protocol that the real client uses."""

from fakes.hub.box import BoxRepository, HubBox, hub_box
from fakes.hub.faults import Fault

__all__ = ["BoxRepository", "Fault", "HubBox", "hub_box"]
