"""Every operation of the endpoint. A route that is in none of these tables fails a test."""

from dataclasses import replace

from labkit.api.openapi import anthropic, labkit, ollama, openai, responses, tokens

_TABLES = (openai, responses, anthropic, ollama, tokens, labkit)
OPERATIONS = tuple(
    replace(operation, path=path)
    for table in _TABLES
    for operation in table.OPERATIONS
    for path in (operation.path, *operation.also)
)
