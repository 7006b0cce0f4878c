from seqwise.data.kinds import Kind
from seqwise.training import run as run_room
from seqwise.training import schedule
from seqwise.training.description import describe_run
from tests.training.examples import BAD, GOOD, make_refit_run, make_run


def test_a_run():
    run = make_run([*GOOD[:8], *BAD[:8]], valid=[("good zebra", "yes")], max_length=1, window=1)
    facts = dict(describe_run(run))
    assert facts["records"].startswith("16 to learn from, 1 to")
    assert facts["classes"] == "2; no record of 'no' chooses the epoch, nor is scored in training"
    assert dict(describe_run(make_run()))["classes"] == "2"
    assert "17 sequences cut at 1 steps" in facts["steps"]
    assert (
        f"{sum(weight.numel() for weight in run.training.model.parameters()):,} weights"
        in facts["model"]
    )
    assert "3 epochs" in facts["training"]
    assert "window" not in facts
    assert all(text and "\n" not in text for text in facts.values())


def test_a_run_says_what_it_reads_in_windows():
    facts = dict(describe_run(make_run(window=3)))
    assert "window" not in facts
    facts = dict(describe_run(make_run(window=1)))
    assert facts["window"].startswith("30 sequences are longer than 1 steps")


def test_the_share_of_unknown_tokens_is_one_of_what_is_read():
    run = make_run(valid=[("zebra bad bad bad", "no")], max_length=1)
    assert "100.0% of those held out are unknown" in dict(describe_run(run))["steps"]


def test_a_refit_in_words():
    facts = dict(describe_run(make_refit_run()))
    assert facts["refit"] == "as many epochs as the best one took, anew on all 60 records"
    assert "refit" not in dict(describe_run(make_run()))


def test_weights_of_the_classes_that_are_to_be_chosen(monkeypatch):
    facts = dict(describe_run(make_run(class_weight="auto", epochs=6)))
    assert facts["balance"].startswith("class weights none and balanced are tried, 2 epochs each,")
    assert "balance" not in dict(describe_run(make_run(class_weight="balanced")))
    monkeypatch.setattr(run_room, "time_epoch", lambda training: 1.0)
    facts = dict(describe_run(make_run(class_weight="auto", epochs=6, budget=2.0)))
    assert facts["balance"] == (
        "class weights are none: the budget has no time to try balanced ones"
    )


def tries(**settings):
    free = dict.fromkeys(("encoder", "embedding_dim", "hidden_size", "num_layers"))
    return dict(describe_run(make_run(**free | settings)))["tries"]


def test_why_one_network_is_trained_is_told(monkeypatch):
    assert tries() == "lstm, convolution, 1 epoch each; the best goes on"
    assert tries(hidden_size=4) == "lstm alone: --hidden-size says how the network is to look"
    assert (
        tries(encoder="gru", bidirectional=True)
        == "gru alone: --encoder says how the network is to look"
    )
    monkeypatch.setattr(schedule, "MOST_STEPS", 100)
    assert tries().startswith("lstm alone: so much takes long (--budget ")


def test_strands_of_what_is_cut_are_told_to_differ():
    pairs = [("ACGT" * number, "ab"[number % 2]) for number in range(3, 15)]
    for max_length, is_told in ((None, False), (9, True)):
        settings = {"kind": Kind.DNA, "both_strands": True, "max_length": max_length}
        assert ("strands" in dict(describe_run(make_run(pairs, **settings)))) is is_told


def test_one_epoch_is_told_as_one():
    assert dict(describe_run(make_run(epochs=1)))["training"] == "at most 1 epoch"
    assert dict(describe_run(make_run(epochs=2)))["training"] == "at most 2 epochs"
