"""The laws of the house where a sequence may bear any number of labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from seqwise.data.collate import collate
from seqwise.nn import ENCODERS, Batch, build_model
from seqwise.predictor import infer_logits
from tests.laws.test_laws import CPU, LENGTHS, TOKENS, VOCAB_SIZE


@pytest.mark.parametrize("encoder", ENCODERS)
def test_answers_do_not_depend_on_batch_mates_or_padding(encoder):
    shape = {"encoder": encoder, "multilabel": True, "num_networks": 2, "num_ngrams": 5}
    torch.manual_seed(0)
    model = build_model(replace(TOKENS, **shape)).eval()
    random = np.random.default_rng(0)
    arrays = [random.integers(2, VOCAB_SIZE, length).astype(np.int32) for length in LENGTHS]
    batch = collate(arrays)
    with torch.no_grad():
        together = model(batch)
        wider = torch.nn.functional.pad(batch.inputs, (0, 4), value=VOCAB_SIZE - 1)
        torch.testing.assert_close(model(Batch(wider, batch.lengths)), together)
        alone = torch.cat([model(collate([array])) for array in arrays])
    torch.testing.assert_close(alone, together, atol=1e-6, rtol=1e-5)
    found = infer_logits(model, arrays, device=CPU)
    torch.testing.assert_close(torch.from_numpy(found), together, atol=1e-6, rtol=1e-5)
