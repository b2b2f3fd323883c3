"""Dashboards, alert rules, and the program that evaluates the rules where no Grafana runs."""
