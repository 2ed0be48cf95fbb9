"""Decisions without any I/O: `now` and the zone are arguments, and each decision carries its reasons."""
