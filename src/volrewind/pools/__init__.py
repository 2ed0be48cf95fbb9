"""How bytes on a node are cloned: pools, and the backends they stand on."""
