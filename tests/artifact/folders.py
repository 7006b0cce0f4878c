"""Model folders as bytes, and how to change them without a wrong hash."""

from __future__ import annotations

import hashlib
import json

import safetensors.torch

CONFIG, CODEC, LABELS, WEIGHTS = "config.json", "codec.json", "labels.json", "model.safetensors"
FILES = [CODEC, CONFIG, LABELS, WEIGHTS]


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def change_config(folder, change):
    config = json.loads((folder / CONFIG).read_bytes())
    change(config)
    if isinstance(config.get("sha256"), dict):
        # Its own hash is made anew: what is looked at behind it is what these tests are about.
        config["sha256"].pop(CONFIG, None)
        text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
        config["sha256"][CONFIG] = hashlib.sha256(text.encode()).hexdigest()
    (folder / CONFIG).write_text(json.dumps(config), encoding="utf-8")


def replace_file(folder, name, content):
    """Put other bytes in place of a file, with the hash that belongs to them."""
    (folder / name).write_bytes(content)
    if name != CONFIG:
        digest = hashlib.sha256(content).hexdigest()
        change_config(folder, lambda config: config["sha256"].update({name: digest}))


def replace_weights(folder, change):
    weights = safetensors.torch.load_file(folder / WEIGHTS)
    change(weights)
    replace_file(folder, WEIGHTS, safetensors.torch.save(weights))
