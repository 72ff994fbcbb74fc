"""Which column is what."""

from __future__ import annotations

import pytest

from backprove.training.diagnosis.columns import Role, role_of


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("loss", Role.TRAIN_LOSS),
        ("train_loss", Role.TRAIN_LOSS),
        ("Train Loss", Role.TRAIN_LOSS),
        ("trainLoss", Role.TRAIN_LOSS),
        ("train/loss", Role.TRAIN_LOSS),
        ("Loss/train", Role.TRAIN_LOSS),
        ("train_loss_step", Role.TRAIN_LOSS),
        ("train_mse", Role.TRAIN_LOSS),
        ("cross_entropy", Role.TRAIN_LOSS),
        ("val_loss", Role.VAL_LOSS),
        ("eval_loss", Role.VAL_LOSS),
        ("validation/epoch_loss", Role.VAL_LOSS),
        ("test loss", Role.VAL_LOSS),
        ("devLoss", Role.VAL_LOSS),
        ("accuracy", Role.TRAIN_ACC),
        ("train_acc", Role.TRAIN_ACC),
        ("val_accuracy", Role.VAL_ACC),
        ("eval_accuracy", Role.VAL_ACC),
        ("val/top1", Role.VAL_ACC),
        ("val_balanced_accuracy", Role.VAL_BALANCED),
        ("eval_f1", Role.VAL_BALANCED),
        ("lr", Role.LR),
        ("learning_rate", Role.LR),
        ("lr-Adam", Role.LR),
        ("grad_norm", Role.GRAD_NORM),
        ("train/grad_norm", Role.GRAD_NORM),
        ("Gradient Norm", Role.GRAD_NORM),
        ("total_grad_norm", Role.GRAD_NORM),
        ("grad_norm/fc1.weight", Role.LAYER_GRAD),
        ("gradients.layers.0.bias", Role.LAYER_GRAD),
        ("grad_2.0_norm/encoder.weight", Role.LAYER_GRAD),
        ("dead_fraction/relu1", Role.LAYER_DEAD),
        ("step", Role.STEP),
        ("global_step", Role.STEP),
        ("iteration", Role.STEP),
        ("epoch", Role.EPOCH),
    ],
)
def test_names(name: str, role: Role) -> None:
    found = role_of(name)
    assert found is not None
    assert found.role is role


@pytest.mark.parametrize(
    "name",
    [
        "time",
        "train_runtime",
        "eval_samples_per_second",
        "seed",
        "best_val_loss_epoch_id",
        "notes",
        "loss_scale",
    ],
)
def test_names_that_are_no_curves(name: str) -> None:
    assert role_of(name) is None


def test_layers_are_named_without_the_words_for_what_is_measured() -> None:
    names = (
        "grad_norm/fc1.weight",
        "fc1.weight/grad",
        "grads.fc1.weight_norm",
        "fc1.weight_grad_norm",
    )
    assert {role_of(name).layer for name in names} == {"fc1.weight"}  # type: ignore[union-attr]
