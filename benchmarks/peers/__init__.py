"""Other people's servers and tools, built and started for comparison."""
