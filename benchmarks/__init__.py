"""What the service costs, measured on this machine: `make bench` writes docs/benchmarks.md. Nothing here is a test."""
