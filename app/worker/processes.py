"""What a snippet gets where it asks for processes that a child cannot start. Inside the sandbox, in the zygote."""

from __future__ import annotations

import warnings
from typing import Any

from torch.utils.data import DataLoader

_TOLD = (
    "this sandbox starts no processes: the DataLoader loads its data in this one, as with num_workers=0 "
    "(worker_init_fn is not called)"
)


def load_data_in_one_process() -> None:
    """From now on a DataLoader with workers does their work itself, and says so. Samples keep their order."""
    original = DataLoader._get_iterator

    def _get_iterator(loader: Any) -> Any:
        if loader.num_workers > 0:
            warnings.warn(_TOLD, stacklevel=2)  # our own frame does not count
            loader.num_workers = loader.timeout = 0
        return original(loader)

    DataLoader._get_iterator = _get_iterator
