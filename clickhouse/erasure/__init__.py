"""Forgetting: rows that are really gone, with a receipt."""
