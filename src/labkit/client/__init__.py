"""HTTP client for any endpoint that speaks OpenAI's chat API."""

from labkit.client.client import ChatClient
from labkit.client.types import ChatAnswer, ChatDelta, ModelInfo, TokenCounts

__all__ = ["ChatAnswer", "ChatClient", "ChatDelta", "ModelInfo", "TokenCounts"]
