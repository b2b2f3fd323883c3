"""Projects in the storage: their keys, and what was done that concerns all."""
