"""A transformer over tokens of any kind, for every model that has them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from egams.models.layers import float32_on
from egams.models.vit import TransformerSettings

SPREAD = 0.02
"""Standard deviation of first positions, class tokens and embeddings, as in Dosovitskiy 2021."""


class Transformer(nn.Module):
    """Pre-norm blocks, their last norm included; a class token goes before those of the run.

    Source: Dosovitskiy et al. 2021, "An image is worth 16x16 words".
    """

    def __init__(self, config: TransformerSettings, tokens: int) -> None:
        super().__init__()
        self.position = nn.Parameter(SPREAD * torch.randn(tokens + 1, config.width))
        self.class_token = nn.Parameter(SPREAD * torch.randn(config.width))
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.Sequential(*(_Block(config) for _ in range(config.depth)))
        self.norm = nn.LayerNorm(config.width)

    def forward(self, tokens: Tensor) -> Tensor:
        """States ``[B, 1 + token, width]``, the class's first, from ``[B, token, width]``."""
        first = self.class_token.to(tokens.dtype).expand(tokens.shape[0], 1, -1)
        states = self.dropout(torch.cat([first, tokens], 1) + self.position)
        normed: Tensor = self.norm(self.blocks(states))
        return normed


class _Block(nn.Module):
    def __init__(self, config: TransformerSettings) -> None:
        super().__init__()
        width, inner = config.width, round(config.mlp_ratio * config.width)
        self.attention = _Attention(config)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, inner),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(inner, width),
            nn.Dropout(config.dropout),
        )

    def forward(self, states: Tensor) -> Tensor:
        attended: Tensor = states + self.attention(states)
        widened: Tensor = attended + self.mlp(attended)
        return widened


class _Attention(nn.Module):
    def __init__(self, config: TransformerSettings) -> None:
        super().__init__()
        self.heads = config.heads
        self.norm = nn.LayerNorm(config.width)
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.proj = nn.Linear(config.width, config.width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, states: Tensor) -> Tensor:
        B, T, W = states.shape
        parts = self.qkv(self.norm(states)).view(B, T, 3, self.heads, W // self.heads)
        parts, precision = float32_on(parts, "cpu")
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        with precision:
            mixed = functional.scaled_dot_product_attention(query, key, value)
        projected: Tensor = self.dropout(self.proj(mixed.transpose(1, 2).reshape(B, T, W)))
        return projected
