"""What both loops work on: the same questions, the same tools, the same system prompt."""

from agentkit import AnyTool
from agentkit.claude import DEFAULT_MODEL
from classroom.shop import find_order, track_shipment
from classroom.shop.archive import read_letter

MODEL = DEFAULT_MODEL

SYSTEM = "You are the support desk of a small bookshop. Answer in one sentence."

TOOLS: list[AnyTool] = [find_order, track_shipment, read_letter]

TEN_PARCELS = f"Where are the orders {', '.join(map(str, range(1031, 1040)))} and 1040?"
"""Ten look-ups in one message, each of which takes the carrier a second."""
