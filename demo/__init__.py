"""A support agent of an invented web shop, its stand-in model, traffic with planted failures."""
