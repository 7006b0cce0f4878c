"""Linear models of TF-IDF n-grams: scikit-learn's logistic regression and linear SVM.

The usual settings: sublinear counts; words in ones and twos, events to threes, characters to fives,
letters of DNA to sixes (k-mers), of proteins to threes; C by cross-validation over the training
part.
"""

from __future__ import annotations

from functools import partial

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import LinearSVC

from peers.accuracy.classifier import Floats, Labels, Sequences, to_columns
from peers.accuracy.tokens import Unit, tokenize

NUM_FOLDS = 3
EDGE = "\n"
LONGEST = {
    ("text", "words"): 2,
    ("events", "words"): 3,
    ("text", "chars"): 5,
    ("dna", "chars"): 6,
    ("protein", "chars"): 3,
}
STRENGTHS = {"lr": (1, 10, 100), "svm": (0.1, 1, 10)}


def build(name: str, kind: str, seed: int) -> LinearNgrams:
    """Make ``words-lr``, ``words-svm``, ``chars-lr`` or ``chars-svm``."""
    unit, model = name.split("-")
    return LinearNgrams(unit, model, kind, seed)  # type: ignore[arg-type]


class LinearNgrams:
    """TF-IDF of n-grams and a linear model.

    Parameters
    ----------
    unit
        Words (or events) or characters.
    model
        ``lr`` or ``svm``.
    kind
        Of the sequences.
    seed
        Of the SVM's order of records; the folds are the same for all.
    """

    def __init__(self, unit: Unit, model: str, kind: str, seed: int) -> None:
        linear = (
            LogisticRegression(max_iter=1000)
            if model == "lr"
            else LinearSVC(random_state=seed, max_iter=5000)
        )
        grid = {"C": STRENGTHS[model]}
        self.probabilistic = model == "lr"
        self.model: Pipeline = make_pipeline(
            TfidfVectorizer(
                analyzer=partial(list_ngrams, kind=kind, unit=unit, longest=LONGEST[kind, unit]),
                sublinear_tf=True,
                min_df=2 if unit == "chars" else 1,
            ),
            GridSearchCV(linear, grid, cv=NUM_FOLDS),
        )

    def fit(self, X: Sequences, y: Labels) -> None:
        """Count, weigh and learn; C is the best of `NUM_FOLDS` folds."""
        self.model.fit(X, y)
        self.classes = self.model.classes_.tolist()

    def rate(self, X: Sequences) -> Floats:
        """Give probabilities, or margins of the SVM."""
        if self.probabilistic:
            return self.model.predict_proba(X)
        return to_columns(self.model.decision_function(X))


def list_ngrams(sequence: object, *, kind: str, unit: Unit, longest: int) -> list[str]:
    """Give all n-grams of a sequence up to a size; those of a text's characters know its edges."""
    tokens = tokenize(sequence, kind, unit)
    if (kind, unit) == ("text", "chars"):
        tokens = [EDGE, *tokens, EDGE]  # how a name begins and ends tells most
    between = "" if unit == "chars" else " "
    return [
        between.join(tokens[start : start + size])
        for size in range(1, longest + 1)
        for start in range(len(tokens) - size + 1)
    ]
