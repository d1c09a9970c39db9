"""LURE (Ma et al.): both images encoded into one latent space without their degradations, fused there, decoded.

Each image has its own description, the pseudo description if it is not degraded. Combined degradations need no separate
training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal, cast

import torch
import torch.distributed as dist
import torch.nn.functional as F
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from typing_extensions import override

from fusionbench.methods.common.color import luma
from fusionbench.methods.common.padding import padded, run_padded
from fusionbench.methods.lure.config import GUIDANCES, RULES, SIZES, Guidance, Rule
from fusionbench.methods.lure.descriptions import canonical, known_tasks
from fusionbench.methods.lure.encoder import Latents, Text
from fusionbench.methods.lure.losses import (
    SIMILARITIES,
    Similarity,
    centred,
    colour_loss,
    gradient_loss,
    information_loss,
    selection_loss,
    task_loss,
    task_shares,
)
from fusionbench.methods.lure.network import MULTIPLE, LureNetwork
from fusionbench.methods.lure.perceptual import Features, perceptual_loss, similarity_loss, vgg16
from fusionbench.methods.lure.restoration_batch import MODALITIES, RestorationBatch, restoration_batch
from fusionbench.methods.lure.text.encoder import TextEncoder, language_model
from fusionbench.methods.lure.text.parse import read_prompt
from fusionbench.methods.lure.text.tasks import CANONICAL, LEARNED, PSEUDO, TASKS
from fusionbench.methods.method import Method
from fusionbench.nn.losses import at_least_single, psnr
from fusionbench.nn.schedules import warm_up_then_cosine
from fusionbench.registry import check_known, pick
from fusionbench.types import Batch, Color, Gray, Image

REPRESENTATION, FUSION, SINGLE = "representation", "fusion", "single"

Perceptual = Literal["vgg", "latent", "none"]
PERCEPTUAL = ("latent", "none", "vgg")

LAST_RATE = 1e-6
"""The learning rate at the end of a phase."""


class LURE(Method):
    """Encoder, decoder, fusion module and text encoder with their two phases of training.

    The paper states neither the weights of its losses nor its training settings; these are our choices.

    Args:
        size: 'full', as in the paper; 's' or 'small', about a million parameters; 'narrow', with narrower latents;
            'tiny', for tests.
        text_encoder: 'distilbert', as in the paper; 'ngrams', which comes with the package; 'table', one vector per
            task. A checkpoint needs the one it was trained with.
        text_model: folder or hub name of DistilBERT.
        guidance: how the text guides the encoder; 'gate' is the ablation "TGA -> Gate"; 'queries' is another
            interpretation of the paper's attention, with a spatial map per head.
        inner_residual: False is the ablation "w/o Inner Residual".
        rule: the prior rule that fuses latents: 'l1', 'mean', 'sum'; 'none' is the ablation "w/o Rule".
        similarity: similarity of latents in the unified loss; 'correlation' is the ablation "Using CC".
        unified_weight: weight of the unified loss; 0 is the ablation "w/o Unified Loss".
        centre: subtract the mean latent before the unified loss, so that a part common to all latents cannot hide how
            the tasks differ.
        recon_weight: weight of the reconstruction loss.
        text_weight: weight of the sentence classification loss.
        task_gradient_weight: weight of gradients in the task loss.
        gradient_weight: weight of gradients in the second phase; by default Text-IF's ratio to its colour loss.
        perceptual: features of the perceptual loss: 'vgg', whose file must be downloaded; 'latent', LURE's own encoder;
            'none'. The full size has the first where nothing is said, the others have none.
        perceptual_weight: weight of the perceptual loss.
        similarity_weight: weight of U2Fusion's own loss, structural similarity and squared distance; the paper refers
            to U2Fusion without saying which loss it uses.
        selection_weight: weight of the structural similarity of each window to its sources; not in the paper.
        nearer_share: fraction of that loss which compares with the nearer source only; the rest compares with both.
        information_weight: weight of the missing visual information (VIF) of both sources; not in the paper.
        fuse_degraded: in the second phase, fuse degraded sources with their descriptions and compare with clean ones;
            if False, as in the paper, only clean sources are used.
        vgg_weights: weight file of VGG-16; searched in the usual folders by default.
        single_stage: train everything jointly, the ablation "Single Stage".
        learning_rate: AdamW's learning rate after the warm-up.
        decoder_rate: learning rate of the decoder in the second phase, as a fraction; 0 freezes it.
        weight_decay: AdamW's weight decay.
        warm_up: fraction of a phase's steps in which the learning rate rises.
        seed: seed of the random sentences in training.
        checkpointing: gradient checkpointing: less memory in training, and longer steps.
        phase: the phase that a fit trains; 'representation' if empty.
    """

    phases: ClassVar[tuple[str, ...]] = (REPRESENTATION, FUSION)

    def __init__(
        self,
        size: str = "full",
        text_encoder: str = "ngrams",
        text_model: str | Path = "",
        guidance: Guidance = "attention",
        inner_residual: bool = True,
        rule: Rule = "l1",
        similarity: Similarity = "cosine",
        unified_weight: float = 0.1,
        centre: bool = False,
        recon_weight: float = 1.0,
        text_weight: float = 0.1,
        task_gradient_weight: float = 1.0,
        gradient_weight: float = 10 / 12,
        perceptual: Perceptual | None = None,
        perceptual_weight: float = 0.1,
        similarity_weight: float = 0.0,
        selection_weight: float = 0.0,
        nearer_share: float = 0.75,
        information_weight: float = 0.0,
        fuse_degraded: bool = False,
        vgg_weights: str | Path | None = None,
        single_stage: bool = False,
        learning_rate: float = 2e-4,
        decoder_rate: float = 0.1,
        weight_decay: float = 1e-4,
        warm_up: float = 0.05,
        seed: int = 0,
        checkpointing: bool = False,
        phase: str = "",
    ) -> None:
        super().__init__()
        # Checkpoints are loaded without unpickling classes, so that a Path must be text.
        text_model, vgg_weights = str(text_model), None if vgg_weights is None else str(vgg_weights)
        perceptual = perceptual or ("vgg" if size == "full" else "none")
        self.save_hyperparameters()
        check_known("guidance of lure", guidance, GUIDANCES)
        check_known("rule of lure", rule, RULES)
        check_known("perceptual term of lure", perceptual, PERCEPTUAL)
        if similarity_weight and perceptual == "none":
            raise ValueError(
                f"lure's similarity loss (weight {similarity_weight}) weights sources by perceptual features, and "
                "there are none; train with --options.perceptual latent or vgg, or --options.similarity_weight 0"
            )
        shape = pick("size of lure", size, SIZES)
        self.network = LureNetwork(
            shape, guidance, inner_residual=inner_residual, rule=rule, checkpointing=checkpointing
        )
        self.text = TextEncoder(language_model(text_encoder, text_model), shape.text)
        self.similarity, self.centre = pick("similarity of lure", similarity, SIMILARITIES), centre
        self.weights = {"unified": unified_weight, "recon": recon_weight, "text": text_weight}
        self.fusion_weights = {
            "gradient": gradient_weight,
            "perceptual": perceptual_weight,
            "similarity": similarity_weight,
            "selection": selection_weight,
            "information": information_weight,
        }
        self.nearer_share = nearer_share
        self.task_gradient_weight = task_gradient_weight
        self.fuse_degraded = fuse_degraded or single_stage
        self.perceptual, self.vgg_weights = perceptual, None if vgg_weights is None else Path(vgg_weights)
        self.learning_rate, self.decoder_rate = learning_rate, decoder_rate
        self.weight_decay, self.warm_up, self.seed = weight_decay, warm_up, seed
        if single_stage:
            self.phases = (SINGLE,)
        # In a tuple, so that it is not part of the checkpoint.
        self._features: tuple[Features, ...] = ()
        self.choose_phase(phase)

    @override
    def networks(self) -> list[nn.Module]:
        return list(self.network.children())

    @property
    @override
    def training_degradations(self) -> tuple[str, ...]:
        fusing = self.next_phase == FUSION
        return ("clean", *(LEARNED if self.fuse_degraded else ())) if fusing else LEARNED

    @override
    @torch.no_grad()
    def fuse(self, batch: Batch) -> Color:
        """Fuse a batch of any size, restoring each image according to its description.

        The description is the pair's `prompt` if there is one, else its `degradation`.

        Raises:
            ValueError: a prompt that contradicts itself or cannot be understood.
        """
        fused: Tensor = self.fused(batch)
        return fused.float().clamp(0, 1)

    def fused(self, batch: Batch) -> Color:
        """The fused images before they are clamped."""
        text_ir, text_vi = self.described(batch)
        network = partial(self.network, text_ir=text_ir, text_vi=text_vi)
        return run_padded(network, batch["ir"], batch["vi"], multiple=MULTIPLE)

    def encode(self, images: Color | Gray, sentence: str, modality: str) -> Latents:
        """Latents of images of one modality ('ir' or 'vi') with a common description."""
        where = torch.full((len(images),), MODALITIES[modality], device=images.device)
        (image,) = padded(images, multiple=MULTIPLE)
        return self.network.encode(image, self.text([sentence] * len(images)), where)

    def described(self, batch: Batch) -> tuple[Text, Text]:
        """Text vectors that guide the encoding of the infrared and the visible images."""
        prompts = batch.get("prompt") or [""] * len(batch["name"])
        told = [self._told(*each) for each in zip(prompts, batch["degradation"], strict=True)]
        return self._vectors([ir for ir, _ in told]), self._vectors([vi for _, vi in told])

    def _told(self, prompt: str, degradation: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The sentences about the infrared and about the visible image of one pair."""
        if not prompt.strip():
            return canonical(known_tasks(degradation, "ir")), canonical(known_tasks(degradation, "vi"))
        reading = read_prompt(prompt)
        tasks = (*reading.ir, *reading.vi)
        if len(tasks) == 1 and self._agrees(prompt, tasks[0]):
            return ((prompt,), canonical(())) if reading.ir else (canonical(()), (prompt,))
        return canonical(reading.ir), canonical(reading.vi)

    def _agrees(self, prompt: str, task: str) -> bool:
        """Whether the text encoder's head agrees with the task that the parser found in the sentence."""
        with torch.no_grad():
            return TASKS[int(self.text.logits(self.text([prompt])).argmax())] == task

    def _vectors(self, sentences: Sequence[tuple[str, ...]]) -> Text:
        """One vector per image; the mean over several degradations."""
        vectors = self.text([text for some in sentences for text in some])
        return torch.stack([part.mean(dim=0) for part in vectors.split([len(some) for some in sentences])])

    @override
    def begin_phase(self, phase: str) -> None:
        """Unfreeze what the phase trains and freeze the rest.

        Raises:
            FileNotFoundError: the phase needs the weights of VGG-16, which are missing.
            ValueError: the method has no such phase.
        """
        super().begin_phase(phase)
        self.network.encoder.requires_grad_(phase != FUSION)
        self.text.requires_grad_(phase != FUSION)
        self.network.decoder.requires_grad_(phase != FUSION or self.decoder_rate > 0)
        self.network.fusion.requires_grad_(phase != REPRESENTATION)
        if phase != REPRESENTATION and self.perceptual == "vgg" and not self._features:
            self._features = (vgg16(self.vgg_weights),)

    @override
    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        return self._log_loss("train", self.terms(batch, self.global_step), len(batch["name"]))

    @override
    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self._log_loss("val", self.terms(batch, 0), len(batch["name"]))
        if self.phase != FUSION:
            triples = restoration_batch(batch, seed=self.seed, step=0)
            scores = self.restoration_scores(triples)
            self._log("val", {"text_right": scores["text_right"]}, len(triples.tasks))
            for name, modality in MODALITIES.items():
                value = scores.get(f"psnr_{name}", scores["text_right"].new_zeros(()))
                self._log("val", {f"psnr_{name}": value}, int((triples.modality == modality).sum()))

    def terms(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """The weighted terms of the phase's loss.

        Args:
            step: the training step; sentences are drawn anew in each.

        Raises:
            ValueError: no phase has begun, or the batch lacks required fields.
        """
        self.check_begun()
        terms: dict[str, Tensor] = {}
        if self.phase != FUSION:
            terms |= self.representation_terms(restoration_batch(batch, seed=self.seed, step=step))
        if self.phase != REPRESENTATION:
            terms |= self.fusion_terms(batch)
        return terms

    def representation_terms(self, triples: RestorationBatch) -> dict[str, Tensor]:
        """Equation 4: the degraded images with their sentences, the clean ones with the pseudo sentence."""
        size = len(triples.tasks)
        text = self.text(triples.sentences + [CANONICAL[PSEUDO]] * size)
        (images,) = padded(torch.cat([triples.degraded, triples.clean]), multiple=MULTIPLE)
        latents = self.network.encode(images, text, triples.modality.repeat(2))
        height, width = triples.clean.shape[-2:]
        both = at_least_single(self.network.decoder(latents)[..., :height, :width])
        latents = [at_least_single(level) for level in latents]
        logits = at_least_single(self.text.logits(text))
        own_labels = triples.labels()
        labels = torch.cat([own_labels, own_labels.new_full((size,), TASKS.index(PSEUDO))])
        with torch.autocast(both.device.type, enabled=False):
            restored, recon = both.chunk(2)
            own, pseudo = [level[:size] for level in latents], [level[size:] for level in latents]
            if self.centre:
                own, pseudo = centred(own, pseudo, triples.modality)
            apart = self._task_shares(own_labels) * (1 - self.similarity(own, pseudo))
            return {
                "task": task_loss(restored, triples.clean, self.task_gradient_weight),
                "unified": self.weights["unified"] * apart.sum(),
                "recon": self.weights["recon"] * F.l1_loss(recon, triples.clean),
                "text": self.weights["text"] * F.cross_entropy(logits, labels),
            }

    def _task_shares(self, labels: Tensor) -> Tensor:
        """What each image contributes to the mean over tasks; in training, of the images of all processes."""
        counts = labels.bincount(minlength=len(TASKS))
        processes = 1
        # Validation batches are not equally many in every process, which would wait for each other.
        if self.training and dist.is_available() and dist.is_initialized():
            dist.all_reduce(counts)
            processes = dist.get_world_size()
        # Gradients are averaged over processes, of which each has its part of the sum.
        return processes * task_shares(labels, counts)

    def fusion_terms(self, batch: Batch) -> dict[str, Tensor]:
        """Equation 7, on clean sources with the pseudo sentence, or on degraded ones with theirs.

        Fields read: `ir_clean` and `vi_clean` if the batch has them, else `ir` and `vi`; all four for degraded sources.
        """
        ir, vi = batch.get("ir_clean", batch["ir"]), batch.get("vi_clean", batch["vi"])
        if self.fuse_degraded:
            fused = self.fused(batch)
        else:
            sources = Batch(**{**batch, "ir": ir, "vi": vi, "degradation": ["clean"] * len(vi)})
            sources.pop("prompt", None)
            fused = self.fused(sources)
        with torch.autocast(fused.device.type, enabled=False):
            return self._fusion_losses(at_least_single(fused), ir, vi)

    def _fusion_losses(self, fused: Color, ir: Gray, vi: Color) -> dict[str, Tensor]:
        terms = {
            "colour": colour_loss(fused, vi),
            "gradient": self.fusion_weights["gradient"] * gradient_loss(fused, ir, vi),
        }
        if weight := self.fusion_weights["selection"]:
            terms["selection"] = weight * selection_loss(luma(fused), ir, luma(vi), self.nearer_share)
        if weight := self.fusion_weights["information"]:
            terms["information"] = weight * information_loss(luma(fused), ir, luma(vi))
        if self.perceptual != "none":
            features = self._latent_features if self.perceptual == "latent" else self._vgg(fused)
            for name, loss in (("perceptual", perceptual_loss), ("similarity", similarity_loss)):
                if weight := self.fusion_weights[name]:
                    terms[name] = weight * loss(features, luma(fused), ir, luma(vi))
        return terms

    def _latent_features(self, image: Gray) -> list[Image]:
        """LURE's own encoder on gray images, as for a clean infrared image."""
        return self.encode(image, CANONICAL[PSEUDO], "ir")

    def _vgg(self, like: Tensor) -> Features:
        vgg = cast("nn.Module", self._features[0]).to(like.device)
        return cast("Features", vgg)

    @torch.no_grad()
    def restoration_scores(self, triples: RestorationBatch) -> dict[str, Tensor]:
        """PSNR of the restored images by modality, in dB, and the accuracy of the text head."""
        text = self.text(triples.sentences)
        restore = partial(self.network.restore, text=text, modality=triples.modality)
        near = psnr(run_padded(restore, triples.degraded, multiple=MULTIPLE), triples.clean)
        right = (self.text.logits(text).argmax(dim=1) == triples.labels()).float().mean()
        scores = {"text_right": right}
        for name, modality in MODALITIES.items():
            if (triples.modality == modality).any():
                scores[f"psnr_{name}"] = near[triples.modality == modality].mean()
        return scores

    @override
    def configure_optimizers(self) -> OptimizerLRScheduler:
        decoder = [parameter for parameter in self.network.decoder.parameters() if parameter.requires_grad]
        own = {id(parameter) for parameter in decoder}
        others = [each for each in self.parameters() if each.requires_grad and id(each) not in own]
        share = self.decoder_rate if self.phase == FUSION else 1.0
        groups = [{"params": others, "lr": self.learning_rate}]
        if decoder:
            groups.append({"params": decoder, "lr": share * self.learning_rate})
        optimizer = torch.optim.AdamW(groups, lr=self.learning_rate, weight_decay=self.weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _rate(self, step: int) -> float:
        total, last = self.trainer.estimated_stepping_batches, LAST_RATE / self.learning_rate
        return warm_up_then_cosine(step, total, self.warm_up, last)

    @override
    def check_weights(self, state: Mapping[str, Tensor]) -> None:
        """Refuse weights that were trained with another text encoder.

        Raises:
            ValueError: they were trained with another one.
        """
        self.text.check(state, "text.")
