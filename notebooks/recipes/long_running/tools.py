"""What the agent can do, and where its tickets come from. Your own tools and queue go here."""

from agentkit import AnyTool
from classroom import shop

TOOLS: list[AnyTool] = [shop.find_order, shop.check_stock, shop.search_handbook, shop.refund]
next_ticket, answer_ticket = shop.next_ticket, shop.answer_ticket
