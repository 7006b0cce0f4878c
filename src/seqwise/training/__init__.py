"""From labelled sequences to a trained model."""
