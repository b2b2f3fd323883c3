"""Strict models of Grafana's files. Grafana ignores keys it does not know; these refuse them."""
