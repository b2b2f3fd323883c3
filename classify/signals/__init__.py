"""What a classifier reads off a row, and how it is weighed into a verdict."""
