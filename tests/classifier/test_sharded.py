"""Several processes with a shard of the class weights each compute what one process with all of them computes."""

import pytest
import torch
import torch.distributed as distributed
from classifier_cases import (
    DIM,
    HEADERS,
    NUM_IDENTITIES,
    TOLERANCE,
    Batch,
    assert_close,
    batch_of,
    classifier_of,
    results_of,
)
from torch.nn.parallel import DistributedDataParallel

from femb_cli.classifier import MarginClassifier
from femb_cli.classifier.shard import Shard
from femb_cli.headers import build_header
from femb_cli.runtime.collectives import gather_to_main

EVERY_HEADER = pytest.mark.parametrize("case", HEADERS)
WORLD_SIZES = pytest.mark.parametrize("world_size", [2, 3])


def places_of(rank, counts):
    """The places of a process's samples in the whole batch: dealt out in turn, or one part after the other."""
    places = torch.arange(sum(counts))
    return places[rank :: len(counts)] if len(set(counts)) == 1 else places.split(counts)[rank]


def local_part(batch, counts):
    """This process's samples of the whole batch."""
    local = places_of(distributed.get_rank(), counts)
    return Batch(batch.embeddings[local], batch.labels[local])


def gradient_of_embeddings(parts, counts):
    """The gradient of the whole batch; DistributedDataParallel takes the average of the processes, as here."""
    order = torch.cat([places_of(rank, counts) for rank in range(len(counts))]).argsort()
    return torch.cat([part["dE"] for part in parts])[order] / len(counts)


def train_sharded(case, dtype, counts, num_identities, chunk):
    classifier = classifier_of(case, dtype, num_identities, chunk=chunk)
    return results_of(classifier, local_part(batch_of(sum(counts), num_identities), counts))


def assert_equals_whole(processes, case, counts, dtype=torch.float64, num_identities=NUM_IDENTITIES, chunk=None):
    """Loss and state are equal on all processes; the gradients of the processes together are the whole gradient."""
    parts = processes(len(counts)).run(train_sharded, case, dtype, counts, num_identities, chunk)
    batch = batch_of(sum(counts), num_identities)
    whole = results_of(classifier_of(case, dtype, num_identities), batch)
    gradients = {"dE": gradient_of_embeddings(parts, counts), "dW": torch.cat([part["dW"] for part in parts])}
    for part in parts:
        assert_close(part | gradients, whole, TOLERANCE[dtype])
        assert all(torch.equal(part[name], parts[0][name]) for name in part if name not in gradients)


@EVERY_HEADER
@pytest.mark.parametrize("counts", [(6, 6), (4, 4, 4)], ids=str)
def test_sharded_classifier_equals_the_whole(processes, case, counts):
    assert_equals_whole(processes, case, counts)


@pytest.mark.parametrize("case", ["arcface", "magface", "a-softmax", "curricularface fast", "adaface fast"])
@pytest.mark.parametrize("counts", [(6, 6), (4, 4, 4)], ids=str)
def test_sharded_classifier_equals_the_whole_in_single_precision(processes, case, counts):
    assert_equals_whole(processes, case, counts, torch.float32)


@pytest.mark.parametrize("case", ["arcface", "magface", "a-softmax", "linear", "curricularface fast", "elasticface"])
@pytest.mark.parametrize("counts", [(9, 3), (12, 0), (5, 0, 7), (0, 1, 11)], ids=str)
def test_uneven_batches_equal_the_whole(processes, case, counts):
    assert_equals_whole(processes, case, counts)


@pytest.mark.parametrize("case", ["arcface", "magface", "curricularface fast"])
@pytest.mark.parametrize(("counts", "num_identities"), [((6, 6), 1), ((4, 4, 4), 2), ((4, 4, 4), 1)], ids=str)
def test_fewer_identities_than_processes_equal_the_whole(processes, case, counts, num_identities):
    assert_equals_whole(processes, case, counts, num_identities=num_identities)


@pytest.mark.parametrize("counts", [(6, 6), (4, 4, 4)], ids=str)
def test_sharded_blocks_equal_the_whole(processes, counts):
    assert_equals_whole(processes, "curricularface fast", counts, chunk=3)


def evaluate_sharded(counts):
    classifier = classifier_of("adaface fast", sample_rate=0.3).eval()
    return results_of(classifier, local_part(batch_of(sum(counts)), counts))["loss"]


@pytest.mark.parametrize("counts", [(6, 6), (4, 4, 4)], ids=str)
def test_sharded_evaluation_uses_all_classes(processes, counts):
    whole = results_of(classifier_of("adaface fast").eval(), batch_of())["loss"]
    for loss in processes(len(counts)).run(evaluate_sharded, counts):
        assert loss.item() == pytest.approx(whole.item(), rel=1e-12)


def initial_weight(num_identities):
    torch.manual_seed(5)
    return MarginClassifier(build_header("arcface"), DIM, num_identities).weight.detach()


@WORLD_SIZES
@pytest.mark.parametrize("num_identities", [1, 10, 2500])
def test_initial_weights_do_not_depend_on_the_number_of_processes(processes, world_size, num_identities):
    parts = processes(world_size).run(initial_weight, num_identities)
    assert torch.equal(torch.cat(parts), initial_weight(num_identities))


@pytest.mark.parametrize("world_size", [1, 2, 3, 7])
@pytest.mark.parametrize("num_identities", [1, 5, 23, 84])
def test_shards_are_consecutive_and_differ_by_at_most_one_class(world_size, num_identities):
    shards = [Shard.of(num_identities, rank, world_size) for rank in range(world_size)]
    assert [shard.start for shard in shards] == [0, *(shard.stop for shard in shards[:-1])]
    assert shards[-1].stop == num_identities
    assert max(shard.size for shard in shards) - min(shard.size for shard in shards) <= 1


def assembled_weight(num_identities):
    return gather_to_main(initial_weight(num_identities))


@WORLD_SIZES
@pytest.mark.parametrize("num_identities", [2, 23])
def test_the_first_process_can_gather_all_class_weights(processes, world_size, num_identities):
    whole = processes(world_size).run(assembled_weight, num_identities)[0]
    assert torch.equal(whole, initial_weight(num_identities))


def backbone_gradient(counts):
    """The gradient of a backbone of one layer that is trained with the classifier."""
    torch.manual_seed(1)
    backbone, classifier = torch.nn.Linear(DIM, DIM).double(), classifier_of("magface")
    batch, parallel = batch_of(sum(counts)), backbone
    if len(counts) > 1:
        batch, parallel = local_part(batch, counts), DistributedDataParallel(backbone)
    classifier(parallel(batch.embeddings), batch.labels).loss.backward()
    return {name: parameter.grad for name, parameter in backbone.named_parameters()}


@pytest.mark.parametrize("counts", [(6, 6), (9, 3), (4, 4, 4), (2, 3, 7)], ids=str)
def test_a_data_parallel_backbone_gets_the_gradient_of_the_loss(processes, counts):
    expected = backbone_gradient((sum(counts),))
    for gradient in processes(len(counts)).run(backbone_gradient, counts):
        assert_close(gradient, expected)


def sampled_rows():
    classifier = classifier_of("arcface", num_identities=60, sample_rate=0.3)
    gradient = torch.autograd.grad(classifier(torch.ones(1, DIM), torch.tensor([0])).loss, classifier.weight)[0]
    return gradient.coalesce().indices()[0].tolist()


@WORLD_SIZES
def test_every_process_samples_its_own_classes_with_its_own_draws(processes, world_size):
    samples = processes(world_size).run(sampled_rows)
    assert [len(sample) for sample in samples] == [18 // world_size] * world_size
    assert len({tuple(sample) for sample in samples}) == world_size


def positives_alone(counts):
    classifier = classifier_of("arcface", sample_rate=0.01)
    batch = batch_of(sum(counts))
    return results_of(classifier, local_part(Batch(batch.embeddings, batch.labels % 3), counts))


@pytest.mark.parametrize("counts", [(6, 6), (4, 4, 4)], ids=str)
def test_a_process_without_a_sampled_class_adds_nothing_to_the_softmax(processes, counts):
    batch, whole = batch_of(sum(counts)), classifier_of("arcface")
    positives = classifier_of("arcface", num_identities=3)
    positives.weight.data = whole.weight.data[:3]
    expected = results_of(positives, Batch(batch.embeddings, batch.labels % 3))
    parts = processes(len(counts)).run(positives_alone, counts)
    assert not any(part["dW"].any() for part in parts[1:])
    d_embeddings = gradient_of_embeddings(parts, counts)
    assert_close({"loss": parts[0]["loss"], "dE": d_embeddings}, {name: expected[name] for name in ("loss", "dE")})
