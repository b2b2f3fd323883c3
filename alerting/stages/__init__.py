"""What a notification passes through, a module each; pipeline.py has them in order."""
