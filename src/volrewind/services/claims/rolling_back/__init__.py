"""Bring a claim back to a snapshot under its own name, and undo that."""
