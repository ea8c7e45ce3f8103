"""What the core's actions do: one file for each counterpart, each a table of action -> coroutine.

An effect decides nothing. It answers with an event, or raises: the driver makes that ``Failed``.
"""
