"""From files and Python objects to padded batches."""
