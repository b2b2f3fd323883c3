"""The dashboards as one self-contained page, for people without Grafana at hand."""
