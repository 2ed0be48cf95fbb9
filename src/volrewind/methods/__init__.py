"""How a volume gets a snapshot."""
