"""Written by `make generate` from tools/protocol; not by hand."""
