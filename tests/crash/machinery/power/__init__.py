"""A power cut: what runs while the power is on, the copy that a cut leaves, and what must be in it."""
