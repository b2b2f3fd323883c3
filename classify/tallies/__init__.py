"""What boards count, for hours in which nothing changes any more."""
