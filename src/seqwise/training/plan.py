"""What is decided before anything is encoded, to JSON and back."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

from typing_extensions import override

from seqwise.config import DataConfig
from seqwise.data.labels import Labels
from seqwise.data.readers.values import check_text
from seqwise.errors import excerpt
from seqwise.strict import Settings, setting_error
from seqwise.training.settings import Wishes
from seqwise.training.start import SETTINGS_OF_STARTS, open_start
from seqwise.version import __version__


@dataclass(frozen=True, kw_only=True)
class Plan(Settings):
    """All that is decided before anything is encoded; the encoded parts follow from it.

    Parameters
    ----------
    records
        The digest of the records.
    data, labels
        How sequences and labels are turned into numbers.
    counts
        Records of each part.
    valid_fraction, seed
        Of the split; the share is None where a file of its own chooses the epoch.
    strands_are_one
        Whether DNA and its reverse complement went to the same side.
    path
        The training file, as the user named it.
    num_overlap
        Records that choose the epoch and stand among those to learn from, too.
    start
        What a network starts from that is no chance: a hash, by the setting that named it.
    version
        Of seqwise.
    """

    records: str
    data: DataConfig
    labels: Labels
    counts: dict[str, int]
    valid_fraction: float | None
    seed: int
    path: str | None
    num_overlap: int
    strands_are_one: bool = False
    start: dict[str, str] = field(default_factory=dict)
    version: str = __version__

    def _check(self) -> None:
        if not {"train", "valid"} <= self.counts.keys() or min(self.counts.values()) < 1:
            raise setting_error("counts", self.counts, "records of train and valid")
        for value in self.labels.values:
            if value != value:  # noqa: PLR0124 - NaN
                raise setting_error("labels", value, "strings, numbers or truth values")
            if isinstance(value, str) and check_text(value) is not None:
                raise setting_error("labels", value, "plain text")
        if len(set(self.labels.names)) < len(self.labels):
            raise setting_error("labels", self.labels.values, "distinct labels")

    @override
    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return values | {"data": self.data.to_dict(), "labels": self.labels.to_json()}

    @override
    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build the plan that `to_dict` was called on.

        Raises
        ------
        ConfigError, KeyError, TypeError, ValueError
            If it was not called on one.
        """
        data, labels = DataConfig.from_dict(values["data"]), Labels.from_json(values["labels"])
        return super().from_dict(values | {"data": data, "labels": labels})


def settle(wishes: Wishes, plan: Plan) -> Wishes:
    """Add to the wishes what was settled when a store was encoded.

    Raises
    ------
    ConfigError
        If the user wishes something else.
    """
    start = open_start(wishes).identity()
    for name in SETTINGS_OF_STARTS:
        if start.get(name) != plan.start.get(name):
            expected = "the one that the store was encoded with"
            if name not in plan.start:
                expected = "none, as the store was encoded"
            raise setting_error(name, wishes.train.get(name), expected)
    settled = {**plan.data.to_dict(), "valid_fraction": plan.valid_fraction}
    for name, value in {**wishes.data, **wishes.train}.items():
        if name in settled and value != settled[name]:
            expected = f"{excerpt(settled[name])}, as the store was encoded"
            raise setting_error(name, value, expected)
    known: dict[str, Any] = {"seed": plan.seed}
    if plan.valid_fraction is not None:
        known["valid_fraction"] = plan.valid_fraction
    return replace(wishes, train={**known, **wishes.train})
