"""Durable Claude agents on Temporal."""
