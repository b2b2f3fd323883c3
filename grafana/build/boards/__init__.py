"""One module a dashboard; each has ``build() -> Json``."""
