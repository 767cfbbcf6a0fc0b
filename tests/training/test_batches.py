import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from effective_sparsity.errors import UserError
from effective_sparsity.training.batches import Batches


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 5))
def test_batches_of_an_epoch_are_pieces_of_one_permutation(n_samples, batch_size, seed):
    batch_size = min(batch_size, n_samples)
    batches = Batches(n_samples, batch_size, seed)
    per_epoch = n_samples // batch_size
    for epoch in range(2):
        steps = range(epoch * per_epoch, (epoch + 1) * per_epoch)
        indices = np.concatenate([batches.indices(step) for step in steps])
        assert len(set(indices)) == len(indices) == per_epoch * batch_size
        assert indices.min() >= 0 and indices.max() < n_samples
        assert indices.dtype == np.int64


def test_epochs_and_seeds_have_different_orders():
    batches = Batches(100, 100, 0)
    assert (batches.indices(0) != batches.indices(1)).any()
    assert (batches.indices(0) != Batches(100, 100, 1).indices(0)).any()


def test_any_step_can_be_asked_for_at_any_time():
    one, other = Batches(50, 7, 3), Batches(50, 7, 3)
    forwards = [(one.indices(step).tolist(), one.random(step).random()) for step in range(20)]
    backwards = [(other.indices(step).tolist(), other.random(step).random()) for step in range(19, -1, -1)]
    assert forwards == backwards[::-1]


def test_streams_of_steps_differ():
    batches = Batches(50, 5, 0)
    assert len({batches.random(step).random() for step in range(30)}) == 30


def test_the_order_of_a_seed_never_changes():
    assert Batches(10, 5, 0).indices(0).tolist() == [2, 7, 8, 3, 4]
    assert Batches(10, 5, 0).random(0).random() == 0.8830719356077292


def test_a_batch_larger_than_the_training_set_is_refused():
    with pytest.raises(UserError, match="batch_size: 11"):
        Batches(10, 11, 0)
