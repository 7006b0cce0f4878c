"""The contenders of `training_peers.py`, each in a file of its own and run in a process of its own.

No file imports the library of another contender: what a process needs in memory is its own.
"""
