"""Evaluation data sets out of production: build, mask, version, export, refresh, drift.

The way of an item: condition → select → content → masking → duplicates → clusters → controls →
store → layouts. ``build`` and ``refresh`` walk it; ``drift`` says how much longer it is of use.
"""
