"""Storage: migrations, connections, the row, and ClickHouse's HTTP interface on embedded chDB."""
