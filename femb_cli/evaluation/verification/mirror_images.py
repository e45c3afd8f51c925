"""Figures of models that treat mirror images in different ways, beside each other."""

from collections.abc import Sequence

from femb_cli.evaluation.verification.result import Verification


def flip_warnings(results: Sequence[Verification]) -> list[str]:
    """Return a sentence for each benchmark that has figures with and without mirror images."""
    flips: dict[str, dict[str, str]] = {}
    for result in results:
        flips.setdefault(result.benchmark, {}).setdefault(result.flip, result.model)
    return [
        f"{benchmark}: {models['sum']} adds the embeddings of mirror images and {models['none']} does not; --flip sum"
        " or --flip none treats them alike"
        for benchmark, models in flips.items()
        if {"sum", "none"} <= models.keys()
    ]
