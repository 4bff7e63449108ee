"""Every operation of the endpoint. A route that is in none of these tables fails a test."""

from labkit.api.openapi import labkit, ollama, openai

OPERATIONS = (*openai.OPERATIONS, *ollama.OPERATIONS, *labkit.OPERATIONS)
