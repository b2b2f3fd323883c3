"""Writes dashboards/*.json and provisioning/alerting/rules.yaml: ``python -m grafana.build``."""
