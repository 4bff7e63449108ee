"""labkit: a practice lab for running AI models on your own machine."""

__version__ = "0.1.0"
