"""A real Kubernetes without Docker: its programs built from pinned sources, started and stopped in seconds."""
