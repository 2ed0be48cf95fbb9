"""The Time Machine of volumes: snapshots, restores and rollbacks that can be trusted."""

__version__ = "0.1.0"
