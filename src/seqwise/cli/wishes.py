"""From the options of the command line to the settings that the user has spoken of."""

from __future__ import annotations

import csv
from dataclasses import asdict
from typing import Any

from seqwise.cli.options import Computing
from seqwise.cli.settings import DataSettings, ModelSettings, TrainingSettings
from seqwise.strict import setting_error
from seqwise.training.settings import Wishes

SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def sort_wishes(*groups: Computing | DataSettings | ModelSettings | TrainingSettings) -> Wishes:
    """Take the settings that are not None."""
    spoken = {name: value for group in groups for name, value in asdict(group).items()}
    wishes: dict[str, Any] = {name: value for name, value in spoken.items() if value is not None}
    if "class_weight" in wishes:
        wishes["class_weight"] = _parse_class_weight(wishes["class_weight"])
    if "budget" in wishes:
        wishes["budget"] = _parse_duration(wishes["budget"])
    return Wishes.sorted(wishes)


def _parse_duration(text: str) -> float:
    """Read ``90``, ``90s``, ``10m`` or ``1.5h`` as seconds."""
    unit = text[-1:].lower()
    number = text[:-1] if unit in SECONDS else text
    try:
        return float(number) * SECONDS.get(unit, 1.0)
    except ValueError:
        raise setting_error("budget", text, "a time such as 90s, 10m or 1.5h") from None


def _parse_class_weight(text: str) -> str | dict[str, float]:
    """Read ``none``, ``balanced``, ``auto``, or ``spam=3,ham=1``."""
    return _parse_by_label("class_weight", text) if "=" in text else text


def parse_threshold(text: str | None) -> float | dict[str, float] | None:
    """Read ``0.3``, or ``spam=0.9,ham=0.2``, as in a row of CSV: ``"ham, eggs=0.3",spam=0.9``."""
    if text is None:
        return None
    if "=" in text:
        return _parse_by_label("threshold", text)
    try:
        return float(text)
    except ValueError:
        raise setting_error("threshold", text, "a number, or LABEL=NUMBER,LABEL=NUMBER") from None


def _parse_by_label(name: str, text: str) -> dict[str, float]:
    try:
        pairs = [pair.rsplit("=", 1) for pair in next(csv.reader([text]))]
        numbers = {label: float(number) for label, number in pairs}
    except (ValueError, csv.Error):
        expected = "LABEL=NUMBER,LABEL=NUMBER, with a pair in double quotes if its label has commas"
        raise setting_error(name, text, expected) from None
    if len(numbers) < len(pairs):
        raise setting_error(name, text, "each label once")
    return numbers
