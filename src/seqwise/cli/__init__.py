"""The command line: `app` declares it, the other files do one command each."""

from seqwise.cli.app import main

__all__ = ["main"]
