"""Encoders in bfloat16."""

from __future__ import annotations

import pytest
import torch

from seqwise.errors import Code, ConfigError
from seqwise.nn import (
    ENCODERS,
    Batch,
    LastPooling,
    MinGRUEncoder,
    SequenceModel,
    TokenEmbedding,
    check_precision,
    in_precision,
    precision,
)

CPU = torch.device("cpu")


@pytest.fixture
def processors(tmp_path, monkeypatch):
    path = tmp_path / "cpuinfo"
    path.write_text("flags\t\t: fpu avx512f avx512_bf16 rtm\n")
    monkeypatch.setattr(precision, "PROCESSORS", path)
    return path


def refused(encoder):
    with pytest.raises(ConfigError, match="--precision") as caught:
        check_precision("bfloat16", encoder=encoder, device=CPU)
    assert caught.value.code is Code.BAD_SETTING
    return str(caught.value)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_what_gains_nothing_is_refused(processors, encoder):
    if encoder in {"rnn", "gru"}:
        assert f"slower for {encoder} on a CPU" in refused(encoder)
    else:
        check_precision("bfloat16", encoder=encoder, device=CPU)
    check_precision("float32", encoder=encoder, device=CPU)


def test_a_processor_without_it(processors):
    processors.write_text("flags\t\t: fpu avx512f xbf16 rtm\n")
    assert "slower on a processor without instructions for it" in refused("lstm")
    processors.unlink()
    assert "slower on a processor" in refused("lstm")
    check_precision("float32", encoder="lstm", device=CPU)


def test_all_but_the_encoder_computes_in_float32():
    encoder = MinGRUEncoder(8, 8)  # whose kernels every processor has
    model = SequenceModel(
        TokenEmbedding(9, 8), encoder, LastPooling(8, bidirectional=False), torch.nn.Linear(8, 2)
    )
    seen = {}

    def watch(name):
        def hook(module, given, found):
            seen[name] = (given[0].dtype, found.dtype)

        return hook

    for name in ("embedding", "encoder", "pooling", "head"):
        getattr(model, name).register_forward_hook(watch(name))
    batch = Batch(torch.tensor([[1, 2, 3], [4, 5, 0]]), torch.tensor([3, 2]))
    with in_precision("bfloat16", CPU):
        logits = model(batch)
    assert logits.dtype == torch.float32
    assert seen["embedding"][1] == seen["encoder"][0] == torch.float32
    assert seen["encoder"][1] == torch.bfloat16
    assert seen["pooling"] == seen["head"] == (torch.float32, torch.float32)
    logits.sum().backward()
    assert {weight.grad.dtype for weight in model.parameters()} == {torch.float32}
    with in_precision("float32", CPU):
        model(batch)
    assert seen["encoder"] == (torch.float32, torch.float32)
