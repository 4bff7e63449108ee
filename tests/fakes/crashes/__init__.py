"""Failing disks, deaths and losses of power at any change that labkit makes to its store."""

from fakes.crashes.driver import Crasher, Outcome

__all__ = ["Crasher", "Outcome"]
