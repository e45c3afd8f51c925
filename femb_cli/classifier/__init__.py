"""The classifier: class weights and the margin softmax over all identities, for every header."""

from femb_cli.classifier.margin import ClassifierOutput, MarginClassifier

__all__ = ["ClassifierOutput", "MarginClassifier"]
