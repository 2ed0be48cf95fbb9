"""Look into snapshots of claims: `ls`, `cat`, `cp`, `diff`."""
