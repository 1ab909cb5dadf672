"""Replaced, in a project, by the recipe's own tools.py; here for the type checker."""

from agentkit import AnyTool
from classroom.shop import refund

TOOLS: list[AnyTool] = [refund]
