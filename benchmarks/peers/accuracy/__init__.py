"""What a user would take for each kind of data, under one interface, for benchmarks/accuracy.py."""
