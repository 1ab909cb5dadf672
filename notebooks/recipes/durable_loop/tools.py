"""What the agent can do. A tool of your own goes here, and nowhere else."""

from agentkit import AnyTool
from classroom.shop import find_order, refund, search_handbook, send_email, track_shipment

TOOLS: list[AnyTool] = [find_order, track_shipment, search_handbook, refund, send_email]
