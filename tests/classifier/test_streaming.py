"""The softmax in blocks of classes is the softmax, whatever the header and the size of a block."""

import pytest
import torch
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
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from femb_cli.classifier.streaming import Classes, streamed_cosines

CHUNKS = (1, 7, NUM_IDENTITIES, 100)
EVERY_HEADER = pytest.mark.parametrize("case", HEADERS)
NORMALIZED = [case for case in HEADERS if case != "linear"]


class LargestTensor(TorchDispatchMode):
    """Records the number of elements of the largest tensor."""

    size = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        sizes = [leaf.numel() for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor)]
        self.size = max(self.size, *sizes, 0)
        return result


@EVERY_HEADER
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("chunk", CHUNKS)
def test_blocks_equal_the_full_matrix(case, dtype, chunk):
    plain, streamed = (results_of(classifier_of(case, dtype, chunk=size), batch_of()) for size in (None, chunk))
    assert_close(streamed, plain, TOLERANCE[dtype])


@EVERY_HEADER
def test_the_state_is_the_same_after_several_batches(case):
    plain, streamed = classifier_of(case), classifier_of(case, chunk=7)
    for size in (12, 5, 9):
        assert_close(results_of(streamed, batch_of(size)), results_of(plain, batch_of(size)))


@EVERY_HEADER
def test_evaluation_equals_the_full_matrix(case):
    plain, streamed = (results_of(classifier_of(case, chunk=size).eval(), batch_of()) for size in (None, 7))
    assert_close(streamed, plain)


@EVERY_HEADER
def test_gradient_of_the_log_sum_equals_its_difference_quotient(case):
    batch, classifier = batch_of(4, num_identities=5), classifier_of(case, num_identities=5)
    target, scale = torch.linspace(-0.5, 0.5, 4, dtype=torch.float64), torch.linspace(1, 4, 4, dtype=torch.float64)
    classes = Classes(None, batch.labels, chunk=2)

    def log_sum(embeddings, weight, scale):
        return streamed_cosines(embeddings, weight, target, scale, classifier.header, classes)[1]

    unit = batch.embeddings / batch.embeddings.norm(dim=1, keepdim=True)
    inputs = [tensor.detach().clone().requires_grad_() for tensor in (unit, classifier.weight, scale)]
    assert torch.autograd.gradcheck(log_sum, inputs)


@pytest.mark.parametrize("case", ["arcface", "linear", "a-softmax", "magface", "sphereface negatives"])
def test_gradient_of_the_loss_equals_its_difference_quotient(case):
    batch, classifier = batch_of(4, num_identities=5), classifier_of(case, num_identities=5, chunk=2)
    classifier.header.scale = 4.0

    def loss(embeddings, weight):
        return functional_call(classifier, {"weight": weight}, (embeddings, batch.labels)).loss

    embeddings = batch.embeddings / 10
    assert torch.autograd.gradcheck(loss, [embeddings.requires_grad_(), classifier.weight.detach().requires_grad_()])


@pytest.mark.parametrize("case", NORMALIZED)
def test_a_single_identity_has_a_loss_of_zero(case):
    results = results_of(classifier_of(case, num_identities=1, chunk=1), batch_of(num_identities=1))
    assert results["cross_entropy"] == 0
    assert not results["dW"].any()


@EVERY_HEADER
@pytest.mark.parametrize("target", [0, 3, 6])
def test_a_block_of_the_target_class_alone_equals_the_full_matrix(case, target):
    """The block holds no other class: first, in between or last."""
    batch = Batch(batch_of(4).embeddings, torch.full((4,), target))
    plain, streamed = (results_of(classifier_of(case, num_identities=7, chunk=chunk), batch) for chunk in (None, 1))
    assert_close(streamed, plain)


@EVERY_HEADER
@pytest.mark.parametrize("sign", [1, -1])
def test_a_cosine_of_one_either_way_equals_the_full_matrix(case, sign):
    """Everything lies on axes, where cosines are exact; some negatives are the opposite of the target."""
    batch = Batch(2 * torch.eye(DIM, dtype=torch.float64), torch.arange(DIM))
    results = []
    for chunk in (None, 3):
        classifier = classifier_of(case, chunk=chunk, num_identities=DIM + 3)
        classifier.header.scale = 4.0  # a larger scale would saturate the softmax
        classifier.weight.data = sign * torch.cat([torch.eye(DIM), -torch.eye(DIM)[:3]]).double()
        results.append(results_of(classifier, batch))
    assert all(value.isfinite().all() for value in results[1].values())
    assert_close(results[1], results[0])


@EVERY_HEADER
def test_an_embedding_of_zero_equals_the_full_matrix(case):
    batch = batch_of()
    batch.embeddings[3] = 0
    plain, streamed = (results_of(classifier_of(case, chunk=chunk), batch) for chunk in (None, 7))
    assert all(value.isfinite().all() for value in streamed.values())
    assert_close(streamed, plain)


@EVERY_HEADER
def test_a_class_weight_of_zero_equals_the_full_matrix(case):
    results = []
    for chunk in (None, 7):
        classifier = classifier_of(case, chunk=chunk)
        classifier.weight.data[2] = 0
        results.append(results_of(classifier, batch_of()))
        zero = {"dW of zero": results[-1]["dW"][2].clone()}
        results[-1]["dW"][2] = 0  # it is divided by the smallest norm, and would hide the other gradients
        results[-1] |= zero
    assert all(value.isfinite().all() for value in results[1].values())
    assert_close(results[1], results[0])


@EVERY_HEADER
def test_a_magnitude_of_ten_thousand_equals_the_full_matrix(case):
    batch = batch_of()
    batch = Batch(batch.embeddings * (1e4 / batch.embeddings.norm(dim=1, keepdim=True)), batch.labels)
    plain, streamed = (results_of(classifier_of(case, chunk=chunk), batch) for chunk in (None, 7))
    assert_close(streamed, plain)


@pytest.mark.parametrize("case", ["arcface", "magface", "a-softmax", "linear"])
def test_bfloat16_products_are_close(case):
    """Operands with 8 bits change a cosine by about 0.002, and a logit at scale 64 by 0.1."""
    exact, rounded = (
        results_of(classifier_of(case, torch.float32, chunk=7, matmul_precision=matmul_precision), batch_of())
        for matmul_precision in (None, torch.bfloat16)
    )
    assert rounded["loss"].dtype == rounded["dE"].dtype == rounded["dW"].dtype == torch.float32
    assert rounded["loss"] != exact["loss"]
    assert_close(rounded, exact, 0.05)


def test_the_matrix_of_all_logits_never_exists():
    batch, sizes = batch_of(32, num_identities=2000), {}
    for chunk in (None, 16):
        classifier = classifier_of("curricularface", num_identities=2000, chunk=chunk)
        with LargestTensor() as largest:
            results_of(classifier, batch)
        sizes[chunk] = largest.size
    assert sizes == {None: 32 * 2000, 16: DIM * 2000}, "the largest is the class weights' gradient"


@pytest.mark.parametrize("chunk", [None, 7])
def test_float64_embeddings_work_with_float32_class_weights(chunk):
    batch, classifier = batch_of(), classifier_of("arcface", torch.float32, chunk=chunk)
    output = classifier(batch.embeddings, batch.labels)
    output.loss.backward()
    assert classifier.weight.grad.dtype == torch.float32
    assert_close(
        {"loss": output.loss.detach(), "dW": classifier.weight.grad.double()},
        {name: results_of(classifier.double(), batch)[name] for name in ("loss", "dW")},
        TOLERANCE[torch.float32],
    )
    assert output.loss.dtype == torch.float64


@EVERY_HEADER
@pytest.mark.parametrize("sample_rate", [1.0, 0.5])
def test_inputs_are_not_changed(case, sample_rate):
    batch, before = batch_of(), batch_of()
    classifier = classifier_of(case, chunk=7, sample_rate=sample_rate)
    weight = classifier.weight.detach().clone()
    classifier(batch.embeddings, batch.labels).loss.backward()
    assert torch.equal(batch.embeddings, before.embeddings)
    assert torch.equal(batch.labels, before.labels)
    assert torch.equal(classifier.weight.detach(), weight)


@EVERY_HEADER
def test_evaluation_uses_all_classes(case):
    plain, sampled = (results_of(classifier_of(case, sample_rate=rate).eval(), batch_of()) for rate in (1.0, 0.3))
    assert_close(sampled, plain)


@pytest.mark.parametrize("chunk", [None, 7])
def test_evaluation_does_not_change_the_headers_state(chunk):
    classifier = classifier_of("adaface", chunk=chunk).eval()
    before = {name: buffer.clone() for name, buffer in classifier.header.named_buffers()}
    classifier(batch_of().embeddings, batch_of().labels)
    assert_close(dict(classifier.header.named_buffers()), before, 0.0)
