"""Scripts of benchmarks/ in their short form."""
