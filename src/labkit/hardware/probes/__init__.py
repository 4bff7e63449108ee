"""Probes: each reads through a `Source`, parses text with a pure function, and takes absence as an answer."""
