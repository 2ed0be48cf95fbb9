"""What we are called in a cluster, and the labels and annotations that are ours."""

from __future__ import annotations

DRIVER = "csi.volrewind.io"
NODE_KEY = "topology.volrewind.io/node"  # of a node, and of every volume's affinity

# On what we make in a cluster. A label's value has at most 63 characters, so names of others stand in annotations.
MANAGED_BY = "app.kubernetes.io/managed-by"  # label: MANAGER is ours, anything else is somebody else's
MANAGER = "volrewind"
NOTE = "volrewind.io/note"  # annotation
CONSISTENCY = "volrewind.io/consistency"  # annotation: what a restored application would find
PURPOSE = "volrewind.io/purpose"  # label: manual, safety, scheduled
POLICY = "volrewind.io/policy"  # label: the SnapshotPolicy that had it made
TOGETHER = "volrewind.io/cut-together"  # label of claims, while a group that is to be cut finds them by it
OPERATION = "volrewind.io/operation"  # label of a journal, with its kind; with its uid, of what it is about
KEPT_FOR = "volrewind.io/kept-for"  # annotation of a volume: the journal it is kept for, as JSON
HOLD = "volrewind.io/hold"  # label of a snapshot that nobody may delete, whatever its value
IN_USE = "volrewind.io/"  # what a finalizer of ours begins with: it is on what we still need
ORIGIN = "volrewind.io/origin"  # annotation of a snapshot: what its claim was like, as JSON
RESTORED_FROM = "volrewind.io/restored-from"  # annotation of a claim: the uid of the snapshot it began as
STOPPED = "volrewind.io/stopped"  # in the nodeSelector of a DaemonSet that is stopped: no node has it
MADE_AGAIN = "volrewind.io/made-again-from"  # annotation of a Pod: the uid of the one it was before it was stopped
CLONE = "volrewind.io/clone"  # label of a clone, and of what another namespace knows a snapshot by meanwhile: the clone's key
CLONE_OF = "volrewind.io/clone-of"  # annotation of both: namespace and name of what was cloned
EXPIRES = "volrewind.io/expires"  # annotation of a clone, or of a namespace of them: when it may be removed (RFC 3339)
ENVIRONMENT = "volrewind.io/environment"  # label of a namespace that was made for clones, and goes with them
HELPER = "volrewind.io/helper"  # label of what lives as long as a command of ours runs: a Job, its Pod, its claims

# On the records of a pool, which let a lost cluster be told what its volumes and snapshots were called.
CSI_NAME = "volrewind.io/csi-name"  # what the driver was asked to call it
NAMESPACE = "volrewind.io/namespace"
CLAIM = "volrewind.io/claim"
PERSISTENT_VOLUME = "volrewind.io/persistent-volume"
SNAPSHOT = "volrewind.io/snapshot"
SNAPSHOT_CONTENT = "volrewind.io/snapshot-content"
GROUP = "volrewind.io/group"  # the id of the group a snapshot was taken in
GROUP_SNAPSHOT = "volrewind.io/group-snapshot"
GROUP_SNAPSHOT_CONTENT = "volrewind.io/group-snapshot-content"
