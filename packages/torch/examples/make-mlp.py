"""Writes mlp.pth, a small training checkpoint as people save them. Needs PyTorch. Run: python make-mlp.py"""
from pathlib import Path

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
model(torch.randn(16, 4)).square().mean().backward()
optimizer.step()
torch.save(
    {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 1},
    Path(__file__).with_name("mlp.pth"),
)
