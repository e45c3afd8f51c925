"""Gather the class weights of all processes for a checkpoint, and split those of a checkpoint.

Each process holds the class weights of its own identities, and their part of the optimizer's state. A checkpoint
stores all of them, so that a run may be resumed with another number of processes.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from femb_cli.classifier import MarginClassifier
from femb_cli.runtime.collectives import gather_to_main

WEIGHT = "weight"
"""Name of the class weights among the classifier's tensors."""


def gather_classifier(classifier: MarginClassifier) -> dict[str, Tensor]:
    """Return the classifier's tensors with the class weights of all processes, complete on the main process only.

    Every process must call this.
    """
    tensors = classifier.state_dict()
    return {**tensors, WEIGHT: _gather(tensors[WEIGHT], classifier)}


def gather_optimizer(optimizer: Optimizer, classifier: MarginClassifier) -> dict[str, Any]:
    """Return the optimizer's state, with the class weights' part gathered; complete on the main process only.

    Every process must call this.
    """
    return _map_class_state(optimizer.state_dict(), optimizer, classifier, _gather)


def classifier_shard(tensors: dict[str, Tensor], classifier: MarginClassifier) -> dict[str, Tensor]:
    """Return the tensors of a whole classifier with this process's class weights only."""
    return {name: _select(value, classifier) if name == WEIGHT else value for name, value in tensors.items()}


def optimizer_shard(state: dict[str, Any], optimizer: Optimizer, classifier: MarginClassifier) -> dict[str, Any]:
    """Return a whole optimizer's state, with only this process's rows of the class weights' part."""
    return _map_class_state(state, optimizer, classifier, _select)


def _map_class_state(
    state: dict[str, Any],
    optimizer: Optimizer,
    classifier: MarginClassifier,
    function: Callable[[Any, MarginClassifier], Any],
) -> dict[str, Any]:
    """Return an optimizer's state with `function` applied to each value that belongs to the class weights."""
    index = _parameter_index(classifier.weight, optimizer)
    if index not in state["state"]:
        return state
    values = {name: function(value, classifier) for name, value in state["state"][index].items()}
    return {**state, "state": {**state["state"], index: values}}


def _gather(value: Any, classifier: MarginClassifier) -> Any:
    return gather_to_main(value) if _has_rows(value, classifier.shard.size) else value


def _select(value: Any, classifier: MarginClassifier) -> Any:
    """Copy this process's rows, so that the memory of the others can be freed."""
    if not _has_rows(value, classifier.num_identities):
        return value
    return value[classifier.shard.start : classifier.shard.stop].clone()


def _has_rows(value: Any, num_rows: int) -> bool:
    """Whether a value is a matrix with one row per identity."""
    return isinstance(value, Tensor) and value.ndim == 2 and len(value) == num_rows


def _parameter_index(weight: nn.Parameter, optimizer: Optimizer) -> int:
    """Return a parameter's index in the optimizer's state dict."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    return next(index for index, parameter in enumerate(parameters) if parameter is weight)
