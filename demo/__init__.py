"""A support agent of an invented web shop, its stand-in model, and traffic with planted failures.

Needs the SDK: `pip install everyspan-sdk`, or `pip install -e sdk` in a clone.
"""
