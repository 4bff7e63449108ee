"""The model that comes with labkit, and how it was made."""
