"""The encoder that the model-based classifiers share: its input form, its run time, its files."""
