"""The one-hot networks in PyTorch: peers for speed (torch_peer.py) and oracles for values (test/onnx/goldens/networks.py).

Inputs are channels-first, [batch, channels, length]; outputs are logits [batch, outputs]. Flattening is PyTorch's: channel-major,
[channels, positions]. A convolution with "same" padding is centred. BatchNorm's epsilon and momentum are PyTorch's unless
given (Keras, in which two of the sources are written, has 1e-3 and 0.01). Not trained or initialised as in the sources.
"""

import torch
from torch import nn


class ChipCnn(nn.Module):
    """chip_cnn on one-hot input of Tang et al.: conv k7, k5, k5 (same) each BN, ReLU, max-pool 4, 4, 2; dense, BN, ReLU; head."""

    def __init__(self, channels, length, outputs, widths=(64, 96, 128), dense=256, dropouts=(0.2, 0.5), **norm):
        super().__init__()
        first, second, third = widths
        self.conv1, self.norm1 = nn.Conv1d(channels, first, 7, padding=3), nn.BatchNorm1d(first, **norm)
        self.conv2, self.norm2 = nn.Conv1d(first, second, 5, padding=2), nn.BatchNorm1d(second, **norm)
        self.conv3, self.norm3 = nn.Conv1d(second, third, 5, padding=2), nn.BatchNorm1d(third, **norm)
        self.dense, self.norm4 = nn.Linear(third * (length // 4 // 4 // 2), dense), nn.BatchNorm1d(dense, **norm)
        self.head = nn.Linear(dense, outputs)
        self.pools = nn.ModuleList([nn.MaxPool1d(4), nn.MaxPool1d(4), nn.MaxPool1d(2)])
        self.drop, self.drop_dense = (nn.Dropout(p) for p in dropouts)

    def forward(self, x):
        for pool, conv, norm in zip(self.pools, (self.conv1, self.conv2, self.conv3), (self.norm1, self.norm2, self.norm3), strict=True):
            x = self.drop(pool(torch.relu(norm(conv(x)))))
        return self.head(self.drop_dense(torch.relu(self.norm4(self.dense(x.flatten(1))))))


class DilatedBlock(nn.Module):
    """conv k3, BN; then SiLU, dropout, conv k3 dilated 1, 2, 4, 8, 16, BN; plus the input; SiLU. No convolution has a bias."""

    def __init__(self, width, dropout, **norm):
        super().__init__()
        dilations = (1, 1, 2, 4, 8, 16)
        self.convs = nn.ModuleList(nn.Conv1d(width, width, 3, padding=d, dilation=d, bias=False) for d in dilations)
        self.norms = nn.ModuleList(nn.BatchNorm1d(width, **norm) for _ in dilations)
        self.drop = nn.Dropout(dropout)
        self.silu = nn.SiLU()

    def forward(self, x):
        y = self.norms[0](self.convs[0](x))
        for conv, norm in zip(self.convs[1:], self.norms[1:], strict=True):
            y = norm(conv(self.drop(self.silu(y))))
        return self.silu(x + y)


class ResNet(nn.Module):
    """One-hot ResNet of Tang et al.: conv k19, the dilated block, max-pool 5, conv k7, max-pool 5, position-wise dense (a convolution
    of kernel 1 here), average-pool 2, dense, head; BN and SiLU after each but the head."""

    def __init__(self, channels, length, outputs, widths=(196, 256), dense=(256, 256), dropouts=(0.2, 0.1, 0.5), **norm):
        super().__init__()
        first, second = widths
        position, last = dense
        self.conv1, self.norm1 = nn.Conv1d(channels, first, 19, padding=9), nn.BatchNorm1d(first, **norm)
        self.block = DilatedBlock(first, dropouts[1], **norm)
        self.conv2, self.norm2 = nn.Conv1d(first, second, 7, padding=3), nn.BatchNorm1d(second, **norm)
        self.position, self.norm3 = nn.Conv1d(second, position, 1), nn.BatchNorm1d(position, **norm)
        self.dense, self.norm4 = nn.Linear(position * (length // 5 // 5 // 2), last), nn.BatchNorm1d(last, **norm)
        self.head = nn.Linear(last, outputs)
        self.drop, self.drop_dense = nn.Dropout(dropouts[0]), nn.Dropout(dropouts[2])
        self.pool, self.average, self.silu = nn.MaxPool1d(5), nn.AvgPool1d(2), nn.SiLU()

    def forward(self, x):
        x = self.drop(self.silu(self.norm1(self.conv1(x))))
        x = self.pool(self.drop(self.block(x)))
        x = self.pool(self.drop(self.silu(self.norm2(self.conv2(x)))))
        x = self.average(self.drop_dense(self.silu(self.norm3(self.position(x)))))
        return self.head(self.drop_dense(self.silu(self.norm4(self.dense(x.flatten(1))))))
