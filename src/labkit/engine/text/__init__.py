"""From token bytes to text a client may see: whole characters only, stop strings held back and cut off."""

from labkit.engine.text.detokenizer import Detokenizer
from labkit.engine.text.stopping import StopMatcher

__all__ = ["Detokenizer", "StopMatcher"]
