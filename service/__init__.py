"""What every service has: see the files' first lines."""
