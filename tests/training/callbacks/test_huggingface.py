"""The watcher in the loop of Hugging Face's Trainer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("accelerate")

from backprove.training.callbacks.huggingface import TrainerWatcher  # noqa: E402


def test_every_step_of_the_optimizer_is_one_and_the_loss_is_the_models(tmp_path: Path) -> None:
    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(4, 3)
            self.seen: list[float] = []

        def forward(self, x: Any, labels: Any) -> Any:
            logits = self.layer(x)
            loss = torch.nn.functional.cross_entropy(logits, labels)
            self.seen.append(float(loss.detach()))
            return {"loss": loss, "logits": logits}

    data = [{"x": torch.randn(4), "labels": torch.tensor(i % 3)} for i in range(40)]
    watcher = TrainerWatcher(every=3, classes=3)
    model = Model()
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path),
        per_device_train_batch_size=4,
        gradient_accumulation_steps=2,
        num_train_epochs=1,
        report_to=[],
        save_strategy="no",
        use_cpu=True,
        disable_tqdm=True,
    )
    transformers.Trainer(model, arguments, train_dataset=data, callbacks=[watcher]).train()
    assert watcher.watcher is not None
    records = watcher.watcher.records
    assert [r.step for r in records] == [1, 4]
    assert [r.loss for r in records] == [model.seen[1], model.seen[7]]
    assert all(r.parameters["layer.weight"].ratio for r in records)
    assert not model._forward_hooks
