"""What we are called in a cluster, and the labels that let a lost one be told what its volumes and snapshots were called."""

from __future__ import annotations

DRIVER = "csi.volrewind.io"
NODE_KEY = "topology.volrewind.io/node"  # of a node, and of every volume's affinity

CSI_NAME = "volrewind.io/csi-name"  # what the driver was asked to call it
NAMESPACE = "volrewind.io/namespace"
CLAIM = "volrewind.io/claim"
PERSISTENT_VOLUME = "volrewind.io/persistent-volume"
SNAPSHOT = "volrewind.io/snapshot"
SNAPSHOT_CONTENT = "volrewind.io/snapshot-content"
GROUP = "volrewind.io/group"  # the id of the group a snapshot was taken in
GROUP_SNAPSHOT = "volrewind.io/group-snapshot"
GROUP_SNAPSHOT_CONTENT = "volrewind.io/group-snapshot-content"
