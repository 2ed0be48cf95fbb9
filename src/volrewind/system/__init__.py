"""The one door to the node: programs, ioctls, mounts, files."""
