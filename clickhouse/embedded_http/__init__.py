"""ClickHouse's HTTP interface, read-only, over the chDB engine in this process.

``create_app`` in ``app`` is the door. A request goes: access (who may ask) → compression →
request (what is asked) → guard (what may be read) → engine (chDB) → compression → answer.
"""
