"""The losses of both phases, against values worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from fusionbench.methods.lure.losses import (
    centred,
    colour_loss,
    correlation,
    cosine,
    gradient_loss,
    gradients,
    information_loss,
    selection_loss,
    task_loss,
    task_shares,
)
from fusionbench.methods.lure.perceptual import (
    VGG16,
    VGG_CARD,
    perceptual_loss,
    similarity_loss,
    source_weights,
    structure,
    vgg16,
)
from fusionbench.metrics import evaluate


def test_gradient_of_a_step():
    image = torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(1, 1, 3, 4)
    horizontal, vertical = gradients(image)[0]
    assert_close(horizontal, torch.tensor([0.0, 4.0, 4.0, 0.0]).expand(3, 4))
    assert vertical.abs().max() == 0


def test_task_loss_adds_gradients():
    clean = torch.zeros(1, 3, 4, 4)
    restored = torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(1, 3, 4, 4)
    # Mean difference 1/2; horizontal gradients have mean 2, vertical ones 0: their mean is 1.
    assert_close(task_loss(restored, clean, 0.3), torch.tensor(0.5 + 0.3))


def test_cosine_looks_at_each_pixel(generator):
    first = [torch.randn(2, 4, 6, 6, generator=generator) for _ in range(4)]
    assert_close(cosine(first, first), torch.ones(2))
    assert_close(cosine(first, [-level for level in first]), -torch.ones(2))
    brighter = [3 * level for level in first]
    assert_close(cosine(first, brighter), torch.ones(2))


def test_cosine_by_hand():
    one = torch.tensor([1.0, 0.0]).view(1, 2, 1, 1)
    other = torch.tensor([1.0, 1.0]).view(1, 2, 1, 1)
    assert_close(cosine([one], [other]), torch.tensor([0.5**0.5]))


def test_a_task_counts_as_much_as_another_however_many_images_it_has():
    labels, apart = torch.tensor([0, 0, 0, 4]), torch.tensor([0.1, 0.2, 0.3, 0.8])
    shares = task_shares(labels, labels.bincount(minlength=6))
    assert_close((shares * apart).sum(), torch.tensor((0.2 + 0.8) / 2))
    # Of several processes, each has its part of the mean over all images.
    everywhere = torch.tensor([4, 0, 0, 0, 2, 0])
    assert_close(task_shares(labels, everywhere), torch.tensor([1 / 8, 1 / 8, 1 / 8, 1 / 4]))


def test_correlation_does_not_see_an_offset_where_cosine_does(generator):
    first = [torch.randn(1, 4, 6, 6, generator=generator)]
    moved = [first[0] + torch.tensor([5.0, -5.0, 5.0, -5.0]).view(1, 4, 1, 1)]
    assert_close(correlation(first, moved), torch.ones(1))
    assert cosine(first, moved).item() < 0.7


def test_colour_loss_ignores_brightness(generator):
    vi = torch.rand(1, 3, 4, 4, generator=generator)
    assert_close(colour_loss(vi + 0.2, vi), torch.tensor(0.0), atol=1e-6, rtol=0)
    gray = torch.full((1, 3, 4, 4), 0.5)
    red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    # Chroma of pure red: blue difference -0.299 / 1.772, red difference 0.701 / 1.402.
    assert_close(colour_loss(gray, red), torch.tensor(0.299 / 1.772 + 0.5))


def test_gradient_loss_wants_the_stronger_edge():
    step = torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(1, 1, 4, 4)
    flat = torch.zeros(1, 1, 4, 4)
    assert_close(gradient_loss(step.expand(1, 3, 4, 4), step, flat.expand(1, 3, 4, 4)), torch.tensor(0.0))
    assert_close(gradient_loss(flat.expand(1, 3, 4, 4), flat, step.expand(1, 3, 4, 4)), torch.tensor(2.0))


def test_structure_of_flat_features_comes_from_the_border_alone():
    # Beyond the border lie zeros, as in U2Fusion's convolution; inside, a pixel equals its neighbours' mean.
    level = torch.ones(1, 1, 34, 34)
    assert structure([level])[0] < 0.02
    noisy = torch.rand(1, 1, 34, 34, generator=torch.Generator().manual_seed(0))
    assert structure([noisy])[0] > 0.05


def test_source_with_more_structure_weighs_more(generator):
    flat, busy = torch.full((1, 2, 16, 16), 0.5), torch.rand(1, 2, 16, 16, generator=generator)
    weights = source_weights([flat], [busy])
    assert_close(weights.sum(dim=0), torch.ones(1))
    assert weights[1] > weights[0]
    assert_close(source_weights([1000 * flat], [1000 * busy]), weights)


def test_perceptual_loss_by_hand():
    def features(image):
        return [image]

    ir, vi = torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, 1, 1)
    fused = torch.full((1, 1, 1, 1), 2.0)
    # Both sources weigh one half; the squared distance is 4.
    assert_close(perceptual_loss(features, fused, ir, vi), torch.tensor(4.0))


def test_vgg_gives_five_levels_and_has_its_parameters():
    with torch.device("meta"):
        model = VGG16()
    assert sum(parameter.numel() for parameter in model.parameters()) == 14_714_688
    shapes = [level.shape[1:] for level in VGG16()(torch.rand(1, 1, 32, 32))]
    assert shapes == [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4), (512, 2, 2)]


def test_vgg_is_torchvision_s():
    torchvision = pytest.importorskip("torchvision")
    reference = torchvision.models.vgg16(weights=None).features.eval()
    model = VGG16()
    model.features.load_state_dict(reference.state_dict())
    image = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    normalised = (image.expand(-1, 3, -1, -1) - model.mean) / model.std
    with torch.no_grad():
        assert_close(model(image)[-1], reference[:-1](normalised))


def test_missing_vgg_says_how_to_get_it_and_how_to_do_without(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSIONBENCH_HOME", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"download it from https.*vgg16-397923af.*--options.perceptual none"):
        vgg16()


def test_another_file_is_not_taken_for_vgg(tmp_path):
    path = tmp_path / VGG_CARD.file
    path.write_bytes(b"something else")
    with pytest.raises(ValueError, match=r"is not the published vgg16-397923af\.pth"):
        vgg16(path)


def test_centred_latents_have_lost_what_all_of_a_modality_share(generator):
    first, second = ([torch.randn(3, 4, 6, 6, generator=generator)] for _ in range(2))
    modality = torch.tensor([0, 1, 0])
    shared = torch.tensor([100.0, 50.0, 100.0]).view(3, 1, 1, 1)
    near = cosine([first[0] + shared], [second[0] + shared])
    assert (near > 0.99).all()
    moved = centred([first[0] + shared], [second[0] + shared], modality)
    still = centred(first, second, modality)
    assert_close(moved[1][0], still[1][0], atol=1e-4, rtol=0)
    assert_close(cosine(*moved), cosine(*still), atol=1e-3, rtol=0)
    assert_close(still[1][0][[0, 2]].mean(dim=(0, 2, 3)), torch.zeros(4), atol=1e-5, rtol=0)


def test_similarity_loss_by_hand():
    def features(image):
        return [image]

    ir, vi = torch.full((1, 1, 16, 16), 0.5), torch.full((1, 1, 16, 16), 0.5)
    assert_close(similarity_loss(features, ir, ir, vi), torch.tensor(0.0), atol=1e-6, rtol=0)
    # Of constant images SSIM is (2ab + c) / (a^2 + b^2 + c); squared distances of 0.01 count twentyfold.
    expected = 1 - (0.6 + 1e-4) / (0.61 + 1e-4) + 20 * 0.01
    assert_close(similarity_loss(features, ir + 0.1, ir, vi), torch.tensor(expected), atol=1e-4, rtol=1e-4)


def test_selection_loss_by_hand():
    ir, vi = torch.full((1, 1, 44, 44), 0.5), torch.full((1, 1, 44, 44), 0.6)
    # Of constant images SSIM is (2ab + c) / (a^2 + b^2 + c), the same at every scale; a quarter counts both alike.
    across = (0.6 + 1e-4) / (0.61 + 1e-4)
    expected = 1 - (0.75 + 0.25 * (1 + across) / 2)
    assert_close(selection_loss(ir, ir, vi, 0.75), torch.tensor(expected), atol=1e-5, rtol=0)
    assert_close(selection_loss(vi, ir, vi, 0.75), torch.tensor(expected), atol=1e-5, rtol=0)
    assert_close(selection_loss(vi, ir, vi, 1.0), torch.tensor(0.0), atol=1e-5, rtol=0)


def test_selection_loss_would_rather_take_sides_than_average(generator):
    ir, vi = (torch.rand(2, 1, 64, 64, generator=generator) for _ in range(2))
    sides = torch.cat([ir[..., :32], vi[..., 32:]], dim=-1)
    average = (ir + vi) / 2
    assert selection_loss(sides, ir, vi, 0.75) < selection_loss(average, ir, vi, 0.75) - 0.05


def test_information_loss_is_what_vif_lacks_of_two(generator):
    ir, vi, fused = (torch.randint(256, (3, 1, 64, 48), generator=generator) / 255 for _ in range(3))
    fused = ((ir + vi + fused) / 3 * 255).round() / 255  # As metrics read images: on whole levels.
    vif = evaluate(fused, ir, vi.expand(-1, 3, -1, -1), ["VIF"])["VIF"]
    assert_close(information_loss(fused, ir, vi), 2 - vif.mean().float(), atol=1e-4, rtol=0)


def test_information_of_flat_sources_and_flat_images_has_a_gradient(generator):
    ir, vi = torch.full((1, 1, 41, 41), 0.5), torch.rand(1, 1, 41, 41, generator=generator)
    for start in (ir, vi):
        fused = start.clone().requires_grad_()
        information_loss(fused, ir, vi).backward()
        assert fused.grad.isfinite().all()
    with pytest.raises(ValueError, match="40x41 pixels are too small"):
        information_loss(*(image[..., 1:] for image in (vi, ir, vi)))
