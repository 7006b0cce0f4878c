"""The readers, one format a file."""
