"""Networks exported by PyTorch, and how it trains them itself: python make.py FOLDER

For each network NAME: NAME.onnx with its weights in a file beside it, NAME.f32 with the batch
(inputs, then targets), and in curves.json the losses of ten AdamW steps from these weights on this
batch, taken before each step.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "peers"))

import torch

from nets import BATCH, SMALL, loss_of

STEPS = 10

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
curves = {}
for name, net in SMALL.items():
    torch.manual_seed(3)
    model = net()
    x, target = torch.rand(model.input), torch.rand(BATCH, 3) - 0.5
    torch.onnx.export(
        model,
        (x,),
        folder / f"{name}.onnx",
        input_names=["x"],
        output_names=["y"],
        dynamo=True,
        external_data=True,
        verbose=False,
    )
    data = torch.cat([x.flatten(), target.flatten()]).numpy().astype("<f4")
    data.tofile(folder / f"{name}.f32")
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0)
    losses = []
    for _ in range(STEPS):
        optimiser.zero_grad()
        loss = loss_of(model(x), target)
        losses.append(loss.item())
        loss.backward()
        optimiser.step()
    curves[name] = {
        "input": model.input,
        "losses": losses,
        "parameters": sum(p.numel() for p in model.parameters()),
    }
(folder / "curves.json").write_text(json.dumps(curves))
