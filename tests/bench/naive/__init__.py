"""The loop that everything is measured against, written the way public recipes write it.

Messages go inline into every call, tools run one after the other, Activities have no heartbeat
and 30 s to close, a client of Claude is made for each call, and the worker has default settings.
It uses Temporal and the Claude SDK only; of agentkit it has the shop that it works on.
"""
