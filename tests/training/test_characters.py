import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from seqwise.data.collate import collate
from seqwise.data.store import RaggedStore
from seqwise.nn import Spelling
from seqwise.nn.spelling import LONGEST
from seqwise.training import characters, linear
from seqwise.training.characters import count_characters, fit_characters


def test_a_model_of_characters_is_that_of_scikit_learn():
    words = ["?", "?", " red", " rod", " ruby", "s", " sea"]
    random = np.random.default_rng(0)
    arrays = [random.integers(2, 7, random.integers(1, 6)).astype(np.int32) for _ in range(80)]
    targets = np.array([int((each == 4).any()) for each in arrays])
    store = RaggedStore.from_arrays(arrays)
    spelling = Spelling(words)
    texts = ["".join(words[token] for token in each) for each in arrays]
    assert count_characters(store, spelling) == sum(map(len, texts))
    models = list(fit_characters(store, targets, num_classes=2, spelling=spelling))
    assert len(models) == len(characters.CHARACTER_RECIPES)

    def cut(text):
        ends = f"<{text}>"
        sizes = range(1, LONGEST + 1)
        return [ends[at : at + size] for size in sizes for at in range(len(ends) - size + 1)]

    known = TfidfVectorizer(analyzer=cut, binary=True).fit_transform(texts)
    for recipe, model in zip(characters.CHARACTER_RECIPES, models, strict=True):
        peer = LogisticRegression(C=recipe.strength, max_iter=linear.MOST_ITERATIONS, tol=1e-6)
        peer.fit(known, targets)
        with torch.no_grad():
            found = model(collate(arrays)).softmax(1).numpy()
        assert np.abs(found - peer.predict_proba(known)).max() < 1e-2


def test_more_tokens_than_are_read_are_not_counted_one_by_one(monkeypatch):
    arrays = [np.array([1, 1]), np.array([1])]
    store, spelling = RaggedStore.from_arrays(arrays), Spelling(["", "abc"])
    assert count_characters(store, spelling) == 9
    for most, found in ((4, 6), (2, 3)):
        monkeypatch.setattr(characters, "MOST_CHARACTERS", most)
        assert count_characters(store, spelling) == found
