import importlib
import inspect
import pkgutil
from typing import get_args

from torch import nn

import seqwise.nn
from seqwise import config


def public_names(module):
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }


def test_all_is_what_can_be_imported():
    assert public_names(seqwise.nn) == set(seqwise.nn.__all__)


def test_all_has_every_module():
    found = set()
    for info in pkgutil.iter_modules(seqwise.nn.__path__):
        room = importlib.import_module(f"seqwise.nn.{info.name}")
        found |= {
            name
            for name, value in vars(room).items()
            if inspect.isclass(value)
            and issubclass(value, nn.Module)
            and value.__module__ == room.__name__
            and not name.startswith("_")
        }
    assert found <= set(seqwise.nn.__all__)


def test_settings_offer_what_the_tables_have():
    assert set(get_args(config.Encoder)) == set(seqwise.nn.ENCODERS)
    assert set(config.POOLING_PARTS) == set(seqwise.nn.POOLINGS)
