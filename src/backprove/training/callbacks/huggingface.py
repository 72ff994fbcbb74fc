"""The watcher as a callback for Hugging Face's `Trainer`: `Trainer(callbacks=[TrainerWatcher()])`."""

# transformers is not installed where types are checked
# pyright: basic, reportMissingImports=false, reportMissingTypeStubs=false

from __future__ import annotations

from typing import Any

from backprove.errors import BackproveError
from backprove.training.watching.watcher import Watcher

try:
    from transformers import TrainerCallback
except ImportError:
    raise BackproveError(
        "transformers is not installed; pip install 'backprove[huggingface]' brings it"
    ) from None


class TrainerWatcher(TrainerCallback):
    """Watches the trained model; the arguments are those of `backprove.watch`.

    `watcher` has the records and findings. A step is one of the optimizer's; the loss is what the
    model gave for the last batch before it.
    """

    def __init__(self, **asked: Any) -> None:
        self.watcher: Watcher | None = None
        self._asked = asked
        self._loss: Any = None
        self._handle: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        model = given["model"]
        self.watcher = Watcher(model, **self._asked)
        self._handle = model.register_forward_hook(self._keep_loss)

    def _keep_loss(self, module: Any, arguments: Any, output: Any) -> None:
        loss = output.get("loss") if hasattr(output, "get") else getattr(output, "loss", None)
        if module.training and loss is not None:
            self._loss = loss.detach()

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        if self.watcher is not None:
            self.watcher.step(self._loss)
            self._loss = None

    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        if self._handle is not None:
            self._handle.remove()
        if self.watcher is not None:
            self.watcher.close()
