"""Our driver on a real node: what Kubernetes' users wait for, beside what they would have without it."""
