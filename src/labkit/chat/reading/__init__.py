"""Taking a model's text apart while it arrives. Readers are generators: they yield where they need more text."""

from labkit.chat.reading.output import Output
from labkit.chat.reading.source import BrokenError, Reading, Source

__all__ = ["BrokenError", "Output", "Reading", "Source"]
