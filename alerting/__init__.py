"""Grafana's alert notifications: verify → store → enrich → route → render → deliver."""
