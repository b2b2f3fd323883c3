"""What the rows of a trace say once all of it is there: numbers counted once, twins marked,
session, user and the like handed down. Pure functions of spans."""
