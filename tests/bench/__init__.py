"""Measurements: the loops that are compared, and what is measured about them."""
