"""A small policy exported by PyTorch, any number of pictures at once: python make_policy.py FOLDER"""

import sys
from pathlib import Path

import torch
from torch import nn


class Policy(nn.Module):
    """From levels [N, 3, 48, 64] to four slots of three axes."""

    def __init__(self):
        super().__init__()
        self.see = nn.Conv2d(3, 8, 8, stride=8)
        self.act = nn.Linear(8 * 6 * 8, 12)

    def forward(self, image):
        seen = torch.relu(self.see(image.float() / 255.0))
        action = self.act(seen.flatten(1)).reshape(-1, 4, 3)
        confidence = torch.exp(-action.abs().mean(dim=(1, 2)))
        return action, confidence


torch.manual_seed(3)
folder = Path(sys.argv[1]) / "exported"
folder.mkdir(parents=True)
torch.onnx.export(
    Policy(),
    (torch.zeros(2, 3, 48, 64, dtype=torch.uint8),),
    folder / "policy.onnx",
    input_names=["image"],
    output_names=["action", "confidence"],
    dynamic_shapes=({0: torch.export.Dim("batch")},),
    dynamo=True,
    external_data=True,
    verbose=False,
)
