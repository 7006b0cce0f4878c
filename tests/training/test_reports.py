import json

import numpy as np
import pytest

from seqwise.evaluation.metrics import score
from seqwise.training.reports import EpochReport

PROBABILITIES = np.array([[0.1, 0.7, 0.2], [1 / 3, 1 / 3, 1 / 3], [0.9, 0.05, 0.05]])
SCORES = score(PROBABILITIES, [1, 2, 0], ["no", "yes", "ä"])


@pytest.mark.parametrize("valid", [SCORES, None], ids=["validated", "not validated"])
def test_a_report_comes_back_from_json_to_the_bit(valid):
    report = EpochReport(3, 0.1 + 0.2, valid, 1 / 3, 1e9 / 7, 2)
    back = EpochReport.from_dict(json.loads(json.dumps(report.to_dict(), allow_nan=False)))
    assert (back.epoch, back.train_loss, back.seconds) == (3, 0.1 + 0.2, 1 / 3)
    assert (back.steps_per_second, back.epochs_since_best) == (1e9 / 7, 2)
    if valid is None:
        assert back.valid is None
    else:
        assert back.valid.to_dict() == SCORES.to_dict()
        assert back.valid.confusion.dtype == np.int64
        assert back.valid.confusion.tolist() == SCORES.confusion.tolist()
