"""Alerts on disk, a module for each table: what the stages know from one start to the next."""
