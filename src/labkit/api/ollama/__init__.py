"""Ollama's native API: its bodies as labkit's requests, labkit's answers in its words."""
