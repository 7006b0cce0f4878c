"""The labels of `fit`, in the forms that users of scikit-learn give them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d

from seqwise.data.frames import column_values, is_column, is_frame, is_table
from seqwise.data.labels import Labels, LabelSet, LabelValue
from seqwise.data.readers.label_form import check_labels
from seqwise.data.readers.values import check_label, describe, name_of
from seqwise.errors import Code, DataError, Problem, excerpt

SETS = (list, tuple, set, frozenset, np.ndarray)
PLAIN = (str, bool, int, float, np.bool_, np.number)


@dataclass(frozen=True)
class GivenLabels:
    """The labels of some sequences.

    Parameters
    ----------
    of_records
        One label each, or a tuple of all that a sequence bears, as readers of files give them.
    classes
        All labels, in the order of scikit-learn.
    multilabel
        Whether a sequence may bear any number of them.
    is_indicator
        Whether they came as a table of 0 and 1 with a column for each label.
    """

    of_records: Sequence[str | tuple[str, ...]]
    classes: NDArray[Any]
    multilabel: bool = False
    is_indicator: bool = False

    @property
    def labels(self) -> Labels:
        """The classes of a model."""
        values = tuple(self.classes.tolist())
        return Labels(values, multilabel=True) if self.multilabel else Labels.fit(values)


def take_labels(
    y: Any, sequences: Sequence[Any], columns: Sequence[str] | None = None
) -> GivenLabels:
    """Bring labels to the form that they have in records, one label or one set for each sequence.

    Parameters
    ----------
    y
        A list, an array or a column of labels; of sets of labels (lists, tuples, sets, arrays); or
        a table of 0 and 1 ``(n, num_classes)``: an array, a sparse matrix or a frame, whose names
        of columns are the labels then.
    sequences
        As many as there are labels.
    columns
        The labels that the columns of a table without names stand for, in order; None where they
        are numbers.

    Raises
    ------
    DataError, ValueError
        If they cannot be used; the second comes from scikit-learn.
    """
    if y is None:
        # scikit-learn's own checks look for these words.
        found = "fit requires y to be passed, but the target y is None"
        expected = "a label for each sequence"
        raise DataError(Problem(Code.MISSING_LABEL, found, expected, "give y"))
    if isinstance(y, np.ma.MaskedArray):
        # With None for what is masked, which arrays would show.
        y = (y.ravel() if y.ndim == 2 and y.shape[1] == 1 else y).tolist()
    names = columns
    if is_frame(y) and is_table(y) and len(y.columns) > 1:
        names = list(map(str, y.columns))
        y = np.asarray(y)
    elif is_column(y):
        y = column_values(y)
    elif not hasattr(y, "__len__") and not sparse.issparse(y):
        y = list(y) if hasattr(y, "__iter__") else np.asarray(y)
    table = _indicator(y)
    if table is not None:
        check_consistent_length(sequences, table)
        return _of_table(table, names)
    if _holds_sets(y):
        check_consistent_length(sequences, y)
        return _of_sets(y)
    is_array = isinstance(y, np.ndarray)
    if not is_array:
        _check_each(y)
    labels = column_or_1d(y, warn=True)
    if is_array and labels.dtype.kind not in "biuf":
        _check_each(labels)
    check_consistent_length(sequences, labels)
    check_classification_targets(labels)
    return GivenLabels(list(map(name_of, labels.tolist())), np.unique(labels))


def _holds_sets(y: Any) -> bool:
    """Tell whether the first label that is there is a set of labels."""
    if isinstance(y, np.ndarray) and (y.ndim != 1 or y.dtype != object):
        return False
    return isinstance(next((label for label in y if label is not None), None), SETS)


def _check_each(y: Sequence[Any]) -> None:
    for number, label in enumerate(y, start=1):
        checked = check_label(label)
        if not isinstance(checked, Problem) and not isinstance(label, PLAIN):
            expected = "a string, a number or a truth value"
            remedy = "turn labels into strings"
            checked = Problem(Code.WRONG_TYPE, describe(label), expected, remedy)
        if isinstance(checked, Problem):
            raise DataError(checked.at(record=number))


def _indicator(y: Any) -> NDArray[Any] | None:
    """Give a table of 0 and 1 as an array; None for anything else."""
    if sparse.issparse(y):
        y = y.toarray()
    if isinstance(y, list) and all(isinstance(row, list | tuple | np.ndarray) for row in y):
        # Rows of 0 and 1, all of one length: as labels these would stand twice in a row.
        y = np.array(y) if len({len(row) for row in y}) == 1 else y
    if not isinstance(y, np.ndarray) or y.ndim != 2 or y.shape[1] < 2 or y.dtype == object:
        return None
    if y.dtype.kind not in "biuf" or not np.isin(y, (0, 1)).all():
        return None
    return y.astype(bool)


def _of_table(table: NDArray[np.bool_], names: Sequence[str] | None) -> GivenLabels:
    if names is not None and len(names) != table.shape[1]:
        found = f"a table of {table.shape[1]} columns"
        expected = f"{len(names)}, one for each label"
        raise DataError(Problem(Code.WRONG_SHAPE, found, expected, "give the columns of training"))
    classes = np.arange(table.shape[1]) if names is None else np.array(names)
    spelled = np.array([name_of(each) for each in classes.tolist()], dtype=object)
    of_records = [tuple(sorted(spelled[row].tolist())) for row in table]
    return GivenLabels(of_records, classes, multilabel=True, is_indicator=True)


def _of_sets(y: Sequence[Any]) -> GivenLabels:
    of_records: list[tuple[str, ...]] = []
    values: list[LabelSet] = []
    for number, each in enumerate(y, start=1):
        found = _set_of(each, number)
        names = check_labels(found)
        if isinstance(names, Problem):
            raise DataError(names.at(record=number))
        of_records.append(names)
        values.append(tuple(found))
    classes = Labels.fit([*values, ()]).values
    return GivenLabels(of_records, to_array(classes), multilabel=True)


def to_array(classes: Sequence[LabelValue]) -> NDArray[Any]:
    """Put labels into an array ``(num_classes,)`` in which each keeps its type."""
    kinds = {type(each) for each in classes}
    return np.array(classes, dtype=None if len(kinds) == 1 else object)


def _set_of(each: Any, number: int) -> list[LabelValue]:
    if not isinstance(each, SETS) or (isinstance(each, np.ndarray) and each.ndim != 1):
        found, expected = f"the label {excerpt(each)}", "a list of labels, as in the records before"
        code = Code.MISSING_LABEL if each is None else Code.WRONG_TYPE
        problem = Problem(code, found, expected, "give an empty list where there is none")
        raise DataError(problem.at(record=number))
    return [value.item() if isinstance(value, np.generic) else value for value in each]
