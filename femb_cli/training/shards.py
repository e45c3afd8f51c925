"""Between the shards that the processes hold of the class weights, and the whole that a checkpoint has.

A checkpoint knows no processes: it is written from any number of them and continued on any other.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from femb_cli.classifier import MarginClassifier
from femb_cli.runtime.collectives import gather_to_main

WEIGHT = "weight"
"""The class weights' name among the classifier's tensors."""


def whole_classifier(classifier: MarginClassifier) -> dict[str, Tensor]:
    """The classifier's tensors with all class weights, on the main process; every process must call it."""
    tensors = classifier.state_dict()
    return {**tensors, WEIGHT: _whole(tensors[WEIGHT], classifier)}


def whole_optimizer(optimizer: Optimizer, classifier: MarginClassifier) -> dict[str, Any]:
    """The optimizer's state with that of all class weights, on the main process; every process must call it."""
    return _change_rows(optimizer.state_dict(), optimizer, classifier, _whole)


def own_classifier(tensors: dict[str, Tensor], classifier: MarginClassifier) -> dict[str, Tensor]:
    """This process's part of a whole classifier."""
    return {name: _own(value, classifier) if name == WEIGHT else value for name, value in tensors.items()}


def own_optimizer(state: dict[str, Any], optimizer: Optimizer, classifier: MarginClassifier) -> dict[str, Any]:
    """This process's part of a whole optimizer's state."""
    return _change_rows(state, optimizer, classifier, _own)


def _change_rows(
    state: dict[str, Any],
    optimizer: Optimizer,
    classifier: MarginClassifier,
    change: Callable[[Any, MarginClassifier], Any],
) -> dict[str, Any]:
    """An optimizer's state with that of the class weights changed."""
    number = _number_of(classifier.weight, optimizer)
    if number not in state["state"]:
        return state
    rows = {name: change(value, classifier) for name, value in state["state"][number].items()}
    return {**state, "state": {**state["state"], number: rows}}


def _whole(value: Any, classifier: MarginClassifier) -> Any:
    return gather_to_main(value) if _is_per_row(value, classifier.shard.size) else value


def _own(value: Any, classifier: MarginClassifier) -> Any:
    """A copy of this shard's rows, so that the rest of the whole can be forgotten."""
    if not _is_per_row(value, classifier.num_identities):
        return value
    return value[classifier.shard.start : classifier.shard.stop].clone()


def _is_per_row(value: Any, num_rows: int) -> bool:
    return isinstance(value, Tensor) and value.ndim == 2 and len(value) == num_rows


def _number_of(weight: nn.Parameter, optimizer: Optimizer) -> int:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    return next(number for number, parameter in enumerate(parameters) if parameter is weight)
