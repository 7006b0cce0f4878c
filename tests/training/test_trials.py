from dataclasses import replace

from seqwise.evaluation.metrics import score
from seqwise.training.reports import EpochReport
from seqwise.training.trials import Trial, are_even, choose_winner, name_trial

SCORES = score([[0.9, 0.1], [0.1, 0.9]], [0, 1], ["a", "b"])


def trial(encoder, class_weight, accuracy, macro_f1):
    report = EpochReport(1, 0.5, replace(SCORES, accuracy=accuracy), 1.0, 1.0, 0)
    return Trial(encoder, class_weight, report, macro_f1)


PLAIN = [trial("lstm", "none", 0.9, 0.5), trial("convolution", "none", 0.8, 0.7)]


def test_an_encoder_is_chosen_as_an_epoch_is():
    assert choose_winner(PLAIN) is PLAIN[0]


def test_weights_of_the_classes_are_chosen_by_macro_f1():
    balanced = trial("lstm", "balanced", 0.7, 0.6)
    assert choose_winner([*PLAIN, balanced]) is balanced
    worse = trial("lstm", "balanced", 0.95, 0.4)
    assert choose_winner([*PLAIN, worse]) is PLAIN[0]


def test_nothing_is_weighed_where_that_brings_nothing():
    assert choose_winner([*PLAIN, trial("lstm", "balanced", 0.9, 0.5)]) is PLAIN[0]


def test_weights_that_the_user_has_given_are_those_of_all_trials():
    for weights in ("balanced", {"a": 2.0}):
        trials = [replace(each, class_weight=weights, macro_f1=None) for each in PLAIN]
        assert choose_winner(trials) is trials[0]


def test_what_diverged_is_not_taken():
    lost = Trial("lstm", "none", None, None)
    assert lost.scores is None
    assert choose_winner([lost, PLAIN[1]]) is PLAIN[1]
    assert choose_winner([*PLAIN, Trial("lstm", "balanced", None, None)]) is PLAIN[0]


def test_of_equal_accuracy_another_score_has_chosen():
    assert not are_even(PLAIN)
    assert are_even([*PLAIN, trial("residual", "none", 0.9, None)])
    assert not are_even([PLAIN[0], Trial("residual", "none", None, None)])


def test_names():
    assert name_trial("lstm", "none") == name_trial("lstm", {"a": 2.0}) == "lstm"
    assert name_trial("lstm", "balanced") == "lstm with balanced classes"
