"""How the labels of a file are written: one a record, or any number of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from seqwise.data.readers.values import MEND, check_label, describe, is_missing
from seqwise.errors import Code, Problem, excerpt
from seqwise.strict import setting_error


@dataclass(frozen=True, slots=True)
class LabelForm:
    """Reads the cells of labels of one file.

    Parameters
    ----------
    required
        Whether a record without a usable label is a bad one; if not, its label is None.
    multilabel
        Whether a cell holds any number of labels.
    separator
        What stands between the labels of a cell that is a string; None where cells are lists.

    Raises
    ------
    ConfigError
        If the separator is empty or blanks, which may stand in a label.
    """

    required: bool
    multilabel: bool = False
    separator: str | None = None

    def __post_init__(self) -> None:
        if self.separator is not None and not self.separator.strip(" "):
            raise setting_error("label_separator", self.separator, "what stands between labels")

    def read(self, value: object) -> str | tuple[str, ...] | Problem | None:
        """Give the label of a cell; of several, all of them, each once and in order."""
        label = self._check_all(value) if self.multilabel else check_label(value)
        return None if isinstance(label, Problem) and not self.required else label

    def _check_all(self, value: object) -> tuple[str, ...] | Problem:
        if is_missing(value):
            found, expected = "no label", "a list of labels, which may be empty"
            return Problem(Code.MISSING_LABEL, found, expected, MEND)
        if isinstance(value, str):
            if self.separator is None:
                remedy = "put it in a list, or say what separates labels (--label-separator)"
                return Problem(Code.WRONG_TYPE, describe(value), "a list of labels", remedy)
            pieces = value.split(self.separator) if value.strip() else []
            return check_labels(piece.strip() for piece in pieces)
        if isinstance(value, dict | bytes) or not isinstance(value, Iterable):
            return Problem(Code.WRONG_TYPE, describe(value), "a list of labels", MEND)
        return check_labels(value.tolist() if isinstance(value, np.ndarray) else value)


def check_labels(values: Iterable[object]) -> tuple[str, ...] | Problem:
    """Bring the labels of one sequence to strings, in their order.

    Parameters
    ----------
    values
        Labels as they were found; none is fine.

    Returns
    -------
    tuple or Problem
        What is wrong with one of them; `label-per-step` where one stands twice, as labels of single
        steps do.

    Examples
    --------
    >>> check_labels(["threat", "rude"]), check_labels([])
    (('rude', 'threat'), ())
    >>> check_labels(["O", "B", "O"]).code
    <Code.LABEL_PER_STEP: 'label-per-step'>
    """
    names: list[str] = []
    for value in values:
        name = check_label(value)
        if isinstance(name, Problem):
            return name
        names.append(name)
    if len(set(names)) < len(names):
        twice, _ = Counter(names).most_common(1)[0]
        found = f"the label {excerpt(twice)} more than once for one sequence"
        expected = "each of its labels once; seqwise does not label single steps"
        return Problem(Code.LABEL_PER_STEP, found, expected, MEND)
    return tuple(sorted(names))
