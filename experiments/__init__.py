"""Prompt A/B tests on live traffic: definitions, anytime-valid analysis, verdicts.

The agent's side (assignment) is in sdk/; what was recorded, and the same figures in SQL, in the
tables and views of clickhouse/migrations/0009_experiments.sql.
"""
