"""Partial FC: a softmax over the identities of the batch and a share of the others."""

import pytest
import torch
from classifier_cases import NUM_IDENTITIES, Batch, assert_close, batch_of, classifier_of, results_of

from femb_cli.classifier.sampling import sample_rows
from femb_cli.errors import UsageError

BATCH = batch_of()
POSITIVES = BATCH.labels.unique()


def draws(seed=0, size=NUM_IDENTITIES):
    return torch.rand(size, generator=torch.Generator().manual_seed(seed))


def gradient_of(classifier, batch=BATCH):
    """The class weights' gradient of one batch, sparse where it is."""
    return torch.autograd.grad(classifier(batch.embeddings, batch.labels).loss, classifier.weight)[0]


def sampled_by(classifier, batch=BATCH):
    """Rows of the classes in the next batch's softmax."""
    return gradient_of(classifier, batch).coalesce().indices()[0].tolist()


@pytest.mark.parametrize("seed", range(5))
def test_positives_are_always_chosen(seed):
    positives = torch.tensor([22, 3, 4])
    assert set(positives.tolist()) <= set(sample_rows(positives, draws(seed), 6).tolist())


@pytest.mark.parametrize("count", [3, 4, 12, NUM_IDENTITIES])
def test_the_given_number_of_classes_is_chosen(count):
    rows = sample_rows(torch.tensor([22, 3, 4]), draws(), count).tolist()
    assert len(set(rows)) == len(rows) == count


def test_more_positives_than_the_given_number_are_chosen_alone():
    assert sample_rows(torch.tensor([22, 3, 4]), draws(), 2).tolist() == [3, 4, 22]


def test_no_positive_leaves_the_largest_draws():
    rows = sample_rows(torch.tensor([], dtype=torch.long), torch.tensor([0.3, 0.9, 0.1, 0.8]), 2)
    assert rows.tolist() == [1, 3]


def test_the_others_are_those_with_the_largest_draws():
    assert sample_rows(torch.tensor([2]), torch.tensor([0.3, 0.9, 0.1, 0.8]), 2).tolist() == [1, 2]


@pytest.mark.parametrize("seed", range(5))
def test_rows_ascend(seed):
    rows = sample_rows(torch.tensor([22, 3, 4]), draws(seed), 12)
    assert (rows.diff() > 0).all()


def test_every_other_class_is_chosen_equally_often():
    times = torch.zeros(NUM_IDENTITIES)
    for seed in range(200):
        times[sample_rows(torch.tensor([0]), draws(seed), 12)] += 1
    assert times[0] == 200
    assert times[1:].min() > 70, "of 100 on average, with a deviation of 7"
    assert times[1:].max() < 130


@pytest.mark.parametrize(("sample_rate", "count"), [(0.5, 11), (0.7, 16), (0.99, 22)])
def test_share_of_the_classes_is_rounded_down(sample_rate, count):
    assert len(sampled_by(classifier_of("arcface", sample_rate=sample_rate))) == count


def test_a_share_below_the_batchs_identities_chooses_those():
    assert sampled_by(classifier_of("arcface", sample_rate=0.01)) == POSITIVES.tolist()


def test_the_same_seed_gives_the_same_samples():
    samples = []
    for _ in range(2):
        classifier = classifier_of("arcface", sample_rate=0.6)
        classifier.seed(3)
        samples.append([sampled_by(classifier) for _ in range(3)])
    assert samples[0] == samples[1]


def test_the_samples_differ_from_seed_to_seed_and_batch_to_batch():
    classifier, samples = classifier_of("arcface", sample_rate=0.6), set()
    for seed in range(3):
        classifier.seed(seed)
        samples |= {tuple(sampled_by(classifier)) for _ in range(3)}
    assert len(samples) == 9


def test_torchs_global_generator_is_not_used():
    classifier = classifier_of("arcface", sample_rate=0.6)
    first = sampled_by(classifier)
    classifier.seed(0)
    torch.rand(5)
    state = torch.get_rng_state()
    assert sampled_by(classifier) == first
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("chunk", [1, 5, 100])
@pytest.mark.parametrize("case", ["arcface", "linear", "magface", "a-softmax", "curricularface fast", "adaface fast"])
def test_the_loss_is_the_plain_one_over_the_sampled_classes(case, chunk):
    sampled = classifier_of(case, sample_rate=0.6, chunk=chunk)
    rows = torch.tensor(sampled_by(classifier_of(case, sample_rate=0.6)))
    plain = classifier_of(case, num_identities=len(rows))
    plain.weight.data = sampled.weight.data[rows]
    actual = results_of(sampled, BATCH)
    expected = results_of(plain, Batch(BATCH.embeddings, torch.searchsorted(rows, BATCH.labels)))
    expected["dW"] = torch.zeros_like(actual["dW"]).index_copy_(0, rows, expected["dW"])
    assert_close(actual, expected)


def test_classes_that_were_not_sampled_have_no_gradient():
    gradient = gradient_of(classifier_of("arcface", sample_rate=0.6))
    assert gradient.is_sparse
    assert gradient.shape == (NUM_IDENTITIES, BATCH.embeddings.shape[1])
    assert gradient.coalesce().indices().shape == (1, 13)


def test_sparse_gradient_is_a_valid_tensor():
    gradient = gradient_of(classifier_of("arcface", sample_rate=0.6))
    assert gradient.is_coalesced()
    torch.sparse_coo_tensor(gradient.indices(), gradient.values(), gradient.shape, check_invariants=True)


def test_dense_gradient_is_the_sparse_one_and_zeros():
    sparse = gradient_of(classifier_of("arcface", sample_rate=0.6))
    dense = gradient_of(classifier_of("arcface", sample_rate=0.6, sparse_gradient=False))
    assert not dense.is_sparse
    assert torch.equal(dense, sparse.to_dense())


def test_gradient_is_dense_if_all_classes_are_in_the_softmax():
    assert not gradient_of(classifier_of("arcface", chunk=5)).is_sparse


@pytest.mark.parametrize("sample_rate", [0.0, -0.1, 1.1])
def test_a_share_outside_of_0_to_1_is_refused(sample_rate):
    with pytest.raises(UsageError, match=f"sample_rate = {sample_rate}"):
        classifier_of("arcface", sample_rate=sample_rate)


def test_blocks_without_a_class_are_refused():
    with pytest.raises(UsageError, match="chunk = 0"):
        classifier_of("arcface", chunk=0)
