"""Degradation priors as vectors, as a number and as a map."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fusionbench.methods.dspfusion.embedding import Embedding, agreement, embed
from fusionbench.methods.dspfusion.method import DSPFusion
from tests.methods.dspfusion.conftest import TINY


@pytest.fixture
def method():
    torch.manual_seed(0)
    return DSPFusion(size=TINY).eval()


def clusters(per_label=6):
    """Vectors that lie together by modality and degradation, six scenes each."""
    rng = np.random.default_rng(0)
    labels = [("ir", "clean"), ("ir", "sn"), ("vi", "clean"), ("vi", "rain")]
    vectors = np.concatenate([np.eye(8)[i] + 0.02 * rng.normal(size=(per_label, 8)) for i in range(4)])
    return Embedding(
        vectors.astype(np.float32),
        [f"s{n}" for _ in labels for n in range(per_label)],
        [modality for modality, _ in labels for _ in range(per_label)],
        [kind for _, kind in labels for _ in range(per_label)],
    )


def test_every_image_gets_its_vector_and_its_label(method, pairs):
    batch = pairs(21, 30, count=2)
    batch["degradation"] = ["rain+sn", "unknown"]
    embedding = embed(method, [batch, batch])
    assert embedding.vectors.shape == (8, TINY.degradation_prior)
    assert embedding.labels[:4] == ["ir: sn", "ir: unknown", "vi: rain", "vi: unknown"]
    assert embedding.names[:4] == ["pair0", "pair1", "pair0", "pair1"]
    np.testing.assert_array_equal(embedding.vectors[:4], embedding.vectors[4:])
    assert embed(method, [batch], "prior").vectors.shape == (4, 16 * TINY.degradation_prior)


def test_vectors_are_those_of_the_single_images(method, pairs):
    batch = pairs(24, 32)
    embedding = embed(method, [batch])
    for row, image in enumerate((batch["ir"].expand(-1, 3, -1, -1), batch["vi"])):
        expected = method.net_dp.kind(method.net_dp(image))[0].detach().numpy()
        np.testing.assert_allclose(embedding.vectors[row], expected, atol=1e-5)


def test_agreement_is_one_for_clusters_and_chance_for_shuffled_labels():
    embedding = clusters()
    assert agreement(embedding) == 1
    order = np.random.default_rng(1).permutation(24)
    mixed = Embedding(embedding.vectors[order], embedding.names, embedding.modalities, embedding.degradations)
    assert agreement(mixed) < 0.6
    with pytest.raises(ValueError, match="one scene"):
        agreement(Embedding(embedding.vectors, ["s"] * 24, embedding.modalities, embedding.degradations))


def test_what_cannot_be_embedded_is_refused(method, pairs):
    with pytest.raises(ValueError, match="has no degradation priors"):
        embed(DSPFusion(size=TINY, use_dpen=False), [pairs(8, 8)])
    with pytest.raises(ValueError, match="no pairs to embed"):
        embed(method, [])
