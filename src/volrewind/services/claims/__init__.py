"""The verbs on claims of a cluster: one module per verb, over the cluster's own VolumeSnapshots."""
