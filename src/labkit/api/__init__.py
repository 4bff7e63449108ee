"""The HTTP face: the APIs of OpenAI, Anthropic and Ollama over any `ChatBackend`. Knows no process and no path."""

from labkit.api.app import create_app
from labkit.api.backend import ChatBackend, ModelCard, ModelHealth, ModelState
from labkit.api.limits import Limits
from labkit.api.origins import LOOPBACK_NAMES

__all__ = ["LOOPBACK_NAMES", "ChatBackend", "Limits", "ModelCard", "ModelHealth", "ModelState", "create_app"]
