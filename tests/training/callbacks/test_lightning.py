"""The watcher in Lightning's loop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
lightning = pytest.importorskip("lightning.pytorch")

from backprove.training.callbacks.lightning import LightningWatcher  # noqa: E402


def test_every_batch_is_a_step_and_the_loss_is_the_modules(tmp_path: Path) -> None:
    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(4, 3)
            self.seen: list[float] = []

        def training_step(self, batch: Any, number: int) -> Any:
            loss = torch.nn.functional.cross_entropy(self.layer(batch[0]), batch[1])
            self.seen.append(float(loss.detach()))
            return loss

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), 0.1)

    data = torch.utils.data.TensorDataset(torch.randn(40, 4), torch.randint(3, (40,)))
    watcher = LightningWatcher(every=4, classes=3, file=tmp_path / "run.jsonl")
    trainer = lightning.Trainer(
        max_epochs=1,
        accelerator="cpu",
        callbacks=[watcher],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    module = Module()
    trainer.fit(module, torch.utils.data.DataLoader(data, batch_size=4))
    assert watcher.watcher is not None
    records = watcher.watcher.records
    assert [r.step for r in records] == [1, 5, 9]
    assert [r.loss for r in records] == [module.seen[0], module.seen[4], module.seen[8]]
    assert all(r.parameters["layer.weight"].gradient for r in records)
    lines = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in lines if entry["type"] == "step"] == [1, 5, 9]
