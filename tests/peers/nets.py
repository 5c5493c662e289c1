"""The networks that training is measured and checked with, in PyTorch.

Each takes one batch and answers [batch, 6]: three means and three logarithms of deviations. The
same architectures stand in src/cli/bench/nets.rs.
"""

import torch
from torch import nn

BATCH = 32


class Lstm(nn.Module):
    """Two layers over a sequence; the last step decides."""

    def __init__(self, width=512, steps=8):
        super().__init__()
        self.input = (BATCH, steps, width)
        self.lstm = nn.LSTM(width, width, num_layers=2, batch_first=True)
        self.hidden = nn.Linear(width, 256)
        self.head = nn.Linear(256, 6)

    def forward(self, x):
        y, _ = self.lstm(x)
        return self.head(torch.relu(self.hidden(y[:, -1])))


class Cnn(nn.Module):
    """Four convolutions, each halving."""

    def __init__(self, channels=(32, 64, 128, 256), side=96):
        super().__init__()
        self.input = (BATCH, 3, side, side)
        layers, n_in = [], 3
        for n_out in channels:
            layers += [nn.Conv2d(n_in, n_out, 3, stride=2, padding=1), nn.ReLU()]
            n_in = n_out
        self.see = nn.Sequential(*layers, nn.Flatten())
        n_flat = n_in * (side // 2 ** len(channels)) ** 2
        self.hidden = nn.Linear(n_flat, 256)
        self.head = nn.Linear(256, 6)

    def forward(self, x):
        return self.head(torch.relu(self.hidden(self.see(x))))


class Block(nn.Module):
    """A transformer's block, normalised first."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.wide = nn.Linear(width, 4 * width)
        self.narrow = nn.Linear(4 * width, width)

    def forward(self, x):
        n, places, width = x.shape
        parts = self.qkv(self.norm1(x)).reshape(n, places, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        y = nn.functional.scaled_dot_product_attention(query, key, value)
        x = x + self.out(y.transpose(1, 2).reshape(n, places, width))
        return x + self.narrow(nn.functional.gelu(self.wide(self.norm2(x))))


class Vit(nn.Module):
    """Patches, four blocks, their mean."""

    def __init__(self, width=192, side=96, patch=16, heads=3, layers=4):
        super().__init__()
        self.input = (BATCH, 3, side, side)
        self.patch = nn.Conv2d(3, width, patch, stride=patch)
        self.places = nn.Parameter(0.02 * torch.randn(1, (side // patch) ** 2, width))
        self.blocks = nn.Sequential(*[Block(width, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 6)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2) + self.places
        return self.head(self.norm(self.blocks(x)).mean(dim=1))


class Gru(nn.Module):
    """One layer over a sequence; the last step decides."""

    def __init__(self, width=32, steps=5):
        super().__init__()
        self.input = (BATCH, steps, width)
        self.gru = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, 6)

    def forward(self, x):
        y, _ = self.gru(x)
        return self.head(y[:, -1])


FULL = {"lstm": Lstm, "cnn": Cnn, "vit": Vit}
SMALL = {
    "lstm": lambda: Lstm(48, 5),
    "gru": Gru,
    "cnn": lambda: Cnn((8, 16, 24, 32), 32),
    "vit": lambda: Vit(48, 32, 8, 3, 2),
}


def loss_of(y, target):
    """Gaussian negative log likelihood, without its constant."""
    mean, log_deviation = y[:, :3], y[:, 3:]
    return (0.5 * ((target - mean) * torch.exp(-log_deviation)) ** 2 + log_deviation).mean()
