"""Requests for the offline Claude, a module for each subject of its rules."""
