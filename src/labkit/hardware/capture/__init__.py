"""Captured machines: what probes read, written down as files, and read again in place of a machine."""
