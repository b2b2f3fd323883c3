"""The provisioned alert rules evaluated without Grafana: embedded mode only.

What Grafana's server does with grafana/provisioning/alerting, in small: SQL → reduce → threshold →
states → notification policy → webhook. A Grafana that is there does it itself.
"""
