"""From an alert's labels to the steps behind it: find → choose → explain."""
