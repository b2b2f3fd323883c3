"""Classifiers that users make themselves: from a few examples, from rules, or from both.

In Python: ``Catalog`` of catalog.py. What it learns is in ClickHouse; the classify job picks it up.
"""
