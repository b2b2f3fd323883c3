"""Secrets and personal data in texts: found by rule, and taken out.

One set of rules for all: what an agent takes out before it sends, what the server takes out before
it stores, what its alerts and pages don't show, and what its verdicts call a leak.
"""
