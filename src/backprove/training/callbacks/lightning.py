"""The watcher as a callback for Lightning: `Trainer(callbacks=[LightningWatcher(classes=10)])`."""

# Lightning is not installed where types are checked
# pyright: basic, reportMissingImports=false, reportMissingTypeStubs=false

from __future__ import annotations

from typing import Any

from backprove.errors import BackproveError
from backprove.training.watching.watcher import Watcher

try:
    from lightning.pytorch import Callback
except ImportError:
    try:
        from pytorch_lightning import Callback
    except ImportError:
        raise BackproveError(
            "Lightning is not installed; pip install 'backprove[lightning]' brings it"
        ) from None


class LightningWatcher(Callback):
    """Watches the LightningModule; the arguments are those of `backprove.watch`.

    `watcher` has the records and findings. A step is a batch, also where gradients of several
    are accumulated; the loss is the one that `training_step` returns.
    """

    def __init__(self, **asked: Any) -> None:
        super().__init__()
        self.watcher: Watcher | None = None
        self._asked = asked

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        self.watcher = Watcher(pl_module, **self._asked)

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        assert self.watcher is not None
        self.watcher.step(outputs.get("loss") if isinstance(outputs, dict) else outputs)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        if self.watcher is not None:
            self.watcher.close()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        if self.watcher is not None:
            self.watcher.close()
