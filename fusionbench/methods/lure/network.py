"""The three image networks as one module with one checkpoint."""

from __future__ import annotations

import torch
from torch import nn
from typing_extensions import override

from fusionbench.methods.lure.config import Guidance, Rule, Size
from fusionbench.methods.lure.decoder import CrossAttention, Decoder, Fusion
from fusionbench.methods.lure.encoder import INFRARED, VISIBLE, Encoder, Latents, Modality, Text, TextGuidedBlock
from fusionbench.nn.checkpointing import recompute
from fusionbench.nn.nafnet import NAFBlock
from fusionbench.types import Color, Gray

MULTIPLE = 8
"""Three halvings."""


class LureNetwork(nn.Module):
    """Encoder, decoder and fusion module. Height and width must be multiples of `MULTIPLE`.

    Args:
        guidance: how the text guides the encoder; 'gate' is the ablation "TGA -> Gate".
        inner_residual: False is the ablation without it.
        rule: the prior rule that fuses latents; 'none' is the ablation without it.
        checkpointing: keep only the inputs of blocks in training; see `recompute`.
    """

    def __init__(
        self,
        size: Size,
        guidance: Guidance = "attention",
        *,
        inner_residual: bool = True,
        rule: Rule = "l1",
        checkpointing: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(size, guidance, inner_residual=inner_residual)
        self.decoder = Decoder(size)
        self.fusion = Fusion(size, rule)
        if checkpointing:
            recompute(self, TextGuidedBlock, NAFBlock, CrossAttention)

    def encode(self, image: Color | Gray, text: Text, modality: Modality) -> Latents:
        """Latents of images whose degradations the text describes; gray images become three equal channels."""
        return self.encoder(image.expand(-1, 3, -1, -1), text, modality)

    def restore(self, image: Color | Gray, text: Text, modality: Modality) -> Color:
        """The image without the degradation that the text describes; not clamped."""
        return self.decoder(self.encode(image, text, modality))

    def fused_latents(self, ir: Gray, vi: Color, text_ir: Text, text_vi: Text) -> Latents:
        """Both sources encoded in one batch, then fused level by level."""
        count = len(vi)
        modality = torch.tensor([VISIBLE] * count + [INFRARED] * count, device=vi.device)
        latents = self.encode(torch.cat([vi, ir.expand_as(vi)]), torch.cat([text_vi, text_ir]), modality)
        return self.fusion([level[:count] for level in latents], [level[count:] for level in latents])

    @override
    def forward(self, ir: Gray, vi: Color, text_ir: Text, text_vi: Text) -> Color:
        """The fused image; not clamped."""
        return self.decoder(self.fused_latents(ir, vi, text_ir, text_vi))
