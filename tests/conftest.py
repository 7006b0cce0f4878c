"""What holds for all tests."""

from hypothesis import settings

# The machines are shared: what takes long says nothing of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
