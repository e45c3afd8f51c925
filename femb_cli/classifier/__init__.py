"""The classifier: class weights and the softmax over all identities, written once for every header."""

from femb_cli.classifier.margin import ClassifierOutput, MarginClassifier

__all__ = ["ClassifierOutput", "MarginClassifier"]
