"""The course's own parts: lessons, servers and processes, the shop, displays, `copy`."""
