"""A trained model as one folder: settings, codec and labels as JSON, weights as safetensors.

::

    model/
      config.json         format version, settings, what training saw and scored, file hashes
      codec.json          what the codec learned
      labels.json         the classes in the order of the logits
      model.safetensors   the weights

Nothing in it is code, and nothing is unpickled. A folder is written under another name beside its
place and renamed when it is whole. When it is read, nothing in it is believed: other files are let
be, links are followed, what is no regular file is not opened, and no file may be larger than what
it is for (docs/design/0009-bad-days.md).
"""

from seqwise.artifact.folder import CONFIG, is_exactly, is_model, is_pretrained
from seqwise.artifact.pretrained import Pretrained, PretrainingAccount, load_pretrained
from seqwise.artifact.reading import load_artifact
from seqwise.artifact.value import Artifact, TrainingAccount, current_versions
from seqwise.artifact.writing import check_output, save_artifact

__all__ = [
    "CONFIG",
    "Artifact",
    "Pretrained",
    "PretrainingAccount",
    "TrainingAccount",
    "check_output",
    "current_versions",
    "is_exactly",
    "is_model",
    "is_pretrained",
    "load_artifact",
    "load_pretrained",
    "save_artifact",
]
