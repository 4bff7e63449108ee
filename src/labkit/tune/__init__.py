"""Recipes, training from scratch, export. The only place that imports torch."""
