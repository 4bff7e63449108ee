"""Clients of every temper for a long run against one endpoint, and what must hold meanwhile."""
