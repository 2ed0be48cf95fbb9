"""The CSI driver: a face over pools, spoken to by the kubelet and the sidecars through gRPC."""
