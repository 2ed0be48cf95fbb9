"""What docs/benchmarks.md is made from: volrewind and its alternatives, measured side by side on the same data."""
