"""How much machine so many spans want: measured, fitted, and told."""
