"""Where alerts go: one module and one template each."""
