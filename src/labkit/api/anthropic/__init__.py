"""Anthropic's Messages: its bodies as labkit's requests, labkit's answers in its blocks and events."""
