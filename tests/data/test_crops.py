from __future__ import annotations

import multiprocessing
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from fusionbench.data.augmentation import Augmentation, Box
from fusionbench.data.crops import EpochIndex, TrainingPairs, cut, receptive_field
from fusionbench.data.pairs import collate
from fusionbench.data.samplers import EpochSampler, SameSizeBatchSampler
from fusionbench.data.sources.base import ConcatSource, RawPair, Subset
from fusionbench.data.sources.cache import METADATA, CachedSource, SharedCache
from fusionbench.degradations import DEGRADATIONS, parse
from fusionbench.images.tensors import to_bytes


class Places:
    """A source whose pixels tell where they are: infrared the row, visible the column, in every pair."""

    def __init__(self, size=(40, 60), count=5, dataset="places") -> None:
        self.shape, self.dataset, self.names, self.reads = size, dataset, [f"p{n}" for n in range(count)], []

    def __len__(self) -> int:
        return len(self.names)

    def size(self, index: int) -> tuple[int, int]:
        return self.shape

    def read(self, index: int) -> RawPair:
        self.reads.append(index)
        rows, columns = (places.astype(np.uint8) for places in np.indices(self.shape))
        return RawPair(self.names[index], rows, np.dstack([columns, rows, columns]))


def content(pair) -> tuple[bytes, bytes, str]:
    return pair["ir"].numpy().tobytes(), pair["vi"].numpy().tobytes(), pair["degradation"]


def test_crops_and_flips_are_the_same_in_all_images():
    pairs = TrainingPairs(Places(), seed=1, crop=(16, 24))
    mirrored, corners = set(), set()
    for epoch in range(40):
        pair = pairs[EpochIndex(0, epoch)]
        rows, columns = to_bytes(pair["ir"]).astype(int), to_bytes(pair["vi"]).astype(int)
        assert rows.shape == (16, 24)
        np.testing.assert_array_equal(columns[..., 1], rows)
        np.testing.assert_array_equal(np.diff(rows, axis=0), 1)
        step = int(columns[0, 1, 0] - columns[0, 0, 0])
        np.testing.assert_array_equal(np.diff(columns[..., 0], axis=1), step)
        torch.testing.assert_close(pair["ir_clean"], pair["ir"], rtol=0, atol=0)
        torch.testing.assert_close(pair["vi_clean"], pair["vi"], rtol=0, atol=0)
        mirrored.add(step)
        corners.add((rows[0, 0], columns[0, :, 0].min()))
    assert mirrored == {-1, 1}
    assert len(corners) > 30


def test_every_place_can_be_cut_out():
    pairs = TrainingPairs(Places(size=(3, 4)), crop=2, flip=False)
    corners = {
        (int(to_bytes(pair["ir"])[0, 0]), int(to_bytes(pair["vi"])[0, 0, 0]))
        for pair in (pairs[EpochIndex(0, epoch)] for epoch in range(200))
    }
    assert corners == {(row, column) for row in range(2) for column in range(3)}


def test_without_a_crop_images_stay_whole():
    pair = TrainingPairs(Places(), flip=False)[0]
    np.testing.assert_array_equal(to_bytes(pair["ir"]), np.indices((40, 60))[0])


def test_small_images_are_mirrored_up_to_the_crop():
    pair = TrainingPairs(Places(size=(6, 60)), crop=(10, 60), flip=False)[0]
    np.testing.assert_array_equal(to_bytes(pair["ir"])[:, 0], [2, 1, 0, 1, 2, 3, 4, 5, 4, 3])


def test_images_of_one_pixel_are_repeated():
    pair = TrainingPairs(Places(size=(1, 1)), crop=(3, 5))[0]
    assert pair["vi"].shape == (3, 3, 5)
    assert not pair["vi"].any()


def test_an_empty_crop_is_refused():
    with pytest.raises(ValueError, match="crop of 8x0 pixels is empty"):
        TrainingPairs(Places(), crop=(0, 8))


def test_no_two_epochs_and_no_two_pairs_are_alike():
    pairs = TrainingPairs(Places(), ["vi:rn", "ll+sn"], seed=2, crop=16)
    seen = [content(pairs[EpochIndex(index, epoch)])[:2] for epoch in range(4) for index in range(5)]
    assert len(set(seen)) == 20


def test_epoch_can_be_set_for_plain_indices():
    pairs = TrainingPairs(Places(), ["clean", "ll", "oe"], seed=2, crop=16)
    pairs.epoch = 3
    assert content(pairs[1]) == content(pairs[EpochIndex(1, 3)])
    assert content(pairs[1]) != content(pairs[EpochIndex(1, 4)])


def test_seed_changes_what_is_drawn():
    first, second = (TrainingPairs(Places(), "vi:rn", seed=seed, crop=16)[0] for seed in (0, 1))
    assert content(first) != content(second)


def test_specs_are_drawn_about_equally_often():
    pairs = TrainingPairs(Places(size=(8, 8)), ["clean", "ll"], crop=8)
    dark = sum(pairs[EpochIndex(index, epoch)]["degradation"] == "ll" for index in range(5) for epoch in range(80))
    assert 160 < dark < 240  # 200 expected of 400, standard deviation 10


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more workers than cores
def test_workers_change_nothing_and_live_through_epochs():
    def epochs(workers: int) -> list[dict[str, tuple[bytes, bytes, str]]]:
        pairs = TrainingPairs(Places(), ["vi:rn", "ll+sn", "clean"], seed=4, crop=16)
        sampler = EpochSampler(pairs)
        loader = DataLoader(
            pairs, 2, sampler=sampler, num_workers=workers, persistent_workers=workers > 0, collate_fn=list
        )
        seen = []
        for epoch in range(3):
            sampler.set_epoch(epoch)
            seen.append({pair["name"]: content(pair) for batch in loader for pair in batch})
        return seen

    alone = epochs(0)
    assert all(len(epoch) == 5 for epoch in alone)
    assert len({images for epoch in alone for images in epoch.values()}) == 15
    assert epochs(2) == alone
    assert epochs(3) == alone


# Deterministic degradations must agree byte for byte; noise can only agree in distribution.
@pytest.mark.parametrize("code", [code for code, card in DEGRADATIONS.items() if not card.noisy and code != "ll"])
def test_degrading_a_window_gives_what_degrading_the_whole_gives(code):
    modality = DEGRADATIONS[code].on[0]
    values = {"blur": "(2,9)", "lc": "(0.5,level=120)"}.get(code, "")
    rng = np.random.default_rng(0)
    raw = RawPair(
        "a", rng.integers(256, size=(40, 56), dtype=np.uint8), rng.integers(256, size=(40, 56, 3), dtype=np.uint8)
    )
    degradation = parse(f"{modality}:{code}{values}").sample_values(name="a", seed=0)
    whole = degradation.apply(raw.ir, raw.vi, name="a", seed=0)
    augmentation = Augmentation((16, 16), flip=True)
    for place in range(20):
        part, degraded, _ = cut(raw, degradation, 0, augmentation, place)
        shown = augmentation(place, image=whole.vi, ir=whole.ir)[2]
        np.testing.assert_array_equal(degraded.ir, shown["ir"])
        np.testing.assert_array_equal(degraded.vi, shown["image"])
        np.testing.assert_array_equal(part.vi, augmentation(place, image=raw.vi)[2]["image"])


@pytest.mark.parametrize("sides", [(24, 24), (16, 24)])
def test_crops_from_every_part_are_flipped_as_often(sides):
    columns, rows = np.meshgrid(np.arange(60, dtype=np.uint8), np.arange(40, dtype=np.uint8))
    augmentation = Augmentation(sides, flip=True)
    flips = {False: [], True: []}
    for seed in range(400):
        box, flipped, shown = augmentation(seed, image=np.dstack([columns] * 3), ir=rows, ir_clean=rows)
        np.testing.assert_array_equal(shown["ir"], shown["ir_clean"])
        np.testing.assert_array_equal(shown["ir"][:, 0], np.arange(box.top, box.bottom))
        first, last = shown["image"][0, [0, -1], 0]
        assert (last, first) == (box.left, box.right - 1) if flipped else (first, last) == (box.left, box.right - 1)
        flips[box.top > (40 - sides[0]) / 2].append(first > last)
    assert all(np.mean(each) == pytest.approx(0.5, abs=0.15) for each in flips.values())


def test_albumentations_does_not_ask_the_network_for_a_newer_version():
    program = (
        "import socket\n"
        "def refused(*where): raise SystemExit('asked the network')\n"
        "socket.socket.connect = socket.getaddrinfo = refused\n"
        "from fusionbench.data.augmentation import Augmentation\n"
        "Augmentation((8, 8))"
    )
    bare = {name: value for name, value in os.environ.items() if "ALBUMENTATIONS" not in name}
    done = subprocess.run([sys.executable, "-c", program], env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_turns_show_all_eight_positions_of_a_square():
    square = np.arange(25, dtype=np.uint8).reshape(5, 5)
    positions = {np.rot90(each, turns).tobytes() for each in (square, square[:, ::-1]) for turns in range(4)}
    augmentation = Augmentation(None, turn=True)
    shown = [augmentation(seed, images=np.stack([np.dstack([square] * 3)] * 2))[2]["images"] for seed in range(60)]
    assert {np.ascontiguousarray(each[0, ..., 0]).tobytes() for each in shown} == positions
    assert all((each[0] == each[1]).all() for each in shown)


@pytest.mark.parametrize(
    ("spec", "window"),
    [
        ("clean", (10, 20, 26, 36)),
        ("ll+ir:rn+sn", (10, 20, 26, 36)),
        ("vi:blur(2,9)", (6, 16, 30, 40)),
        ("vi:blur(2,9)+ir:noise+ir:blur(1,5)+ir:blur(1,5)", (6, 16, 30, 40)),
        ("vi:blur(2,41)", (0, 0, 40, 56)),
        ("haze", (0, 0, 40, 60)),
        ("ll+sr4", (0, 0, 40, 60)),
    ],
)
def test_no_more_is_degraded_than_needed(spec, window):
    assert receptive_field(parse(spec), Box(10, 20, 26, 36), (40, 60)) == Box(*window)


def test_noise_of_a_crop_is_distributed_as_that_of_the_image():
    flat = RawPair("a", np.full((400, 400), 128, np.uint8), np.full((400, 400, 3), 128, np.uint8))
    degradation = parse("ir:sn(7,stripe=6)+vi:noise(12)").sample_values(name="a", seed=0)
    whole = degradation.apply(flat.ir, flat.vi, name="a", seed=0)
    _, crop, _ = cut(flat, degradation, 1, Augmentation((200, 200)), 0)
    assert crop.ir.mean(axis=0).std() == pytest.approx(whole.ir.mean(axis=0).std(), rel=0.2)
    assert crop.ir.std(axis=0).mean() == pytest.approx(whole.ir.std(axis=0).mean(), rel=0.05)
    assert crop.vi.std() == pytest.approx(whole.vi.std(), rel=0.02)


def test_cache_decodes_once_and_stays_within_its_memory():
    places = Places(count=4)
    one = 40 * 60 * 4
    cached = CachedSource(places, max_bytes=2 * one + 10)
    for _ in range(3):
        for index in range(4):
            assert cached.read(index).name == f"p{index}"
    assert places.reads == [0, 1, 2, 3, 2, 3, 2, 3]
    assert (cached.dataset, cached.names, len(cached), cached.size(0)) == ("places", places.names, 4, (40, 60))
    with pytest.raises(ValueError, match="read-only"):
        cached.read(0).ir[0] = 1


class Noted:
    """Pairs with all images and facts; a file says which were read, by whichever process."""

    dataset, names = "noted", ["a", "b", "c"]

    def __init__(self, folder) -> None:
        self.folder = folder

    def __len__(self) -> int:
        return 3

    def size(self, index):
        return (20, 30)

    def read(self, index):
        with (self.folder / "reads.txt").open("a") as stream:
            stream.write(self.names[index])
        gray, colour = np.full((20, 30), index + 1, np.uint8), np.full((20, 30, 3), 9 - index, np.uint8)
        return RawPair(self.names[index], gray, colour, gray + 1, colour + 1, "ll", 2, 1, prompt="dark")


def in_another_process(cached) -> None:
    for index in range(3):
        cached.read(index)


@pytest.mark.parametrize("start", ["fork", "spawn"])
@pytest.mark.parametrize("on_disk", [False, True])
def test_pairs_that_another_process_decoded_are_not_decoded_again(start, on_disk, tmp_path):
    source = Noted(tmp_path)
    cached = SharedCache(source, 10**6, tmp_path if on_disk else None)
    if start == "fork":
        process = multiprocessing.get_context("fork").Process(target=in_another_process, args=(cached,))
        process.start()
        process.join()
    else:  # What a spawned process gets is pickled.
        in_another_process(pickle.loads(pickle.dumps(cached)))
    reads = (tmp_path / "reads.txt").read_text()
    kept = [cached.read(index) for index in range(3)]
    assert (tmp_path / "reads.txt").read_text() == reads == "aabc"  # The first tells what all consist of.
    for index, pair in enumerate(kept):
        expected = source.read(index)
        for name, value in vars(expected).items():
            np.testing.assert_array_equal(getattr(pair, name), value, err_msg=name)
    assert [path.name for path in tmp_path.iterdir()] == ["reads.txt"]


def test_shared_cache_keeps_what_there_is_room_for(tmp_path):
    one = METADATA + 20 * 30 * 8
    cached = SharedCache(Noted(tmp_path), 2 * one)
    for _ in range(2):
        in_another_process(cached)
    assert (tmp_path / "reads.txt").read_text() == "aabcc"
    assert SharedCache(Noted(tmp_path), 0).read(1).name == "b"
    with pytest.raises(FileNotFoundError, match=r"no folder .*none for decoded images"):
        SharedCache(Noted(tmp_path), 10**6, tmp_path / "none")


@pytest.mark.parametrize("cache", [CachedSource, SharedCache])
def test_cached_pairs_train_as_read_ones_do(cache):
    plain, cached = Places(), cache(Places(), 10**6)
    for source in (plain, cached):
        source.read(0)
    for spec in ("clean", "ll+lc", "rain+sn", "vi:blur"):
        pairs = [TrainingPairs(source, spec, seed=1, crop=16) for source in (plain, cached)]
        assert content(pairs[0][0]) == content(pairs[1][0])


def test_joined_sources_keep_their_names_apart():
    joined = ConcatSource([Places(count=2, dataset="a"), Places(count=3, dataset="b", size=(8, 8))])
    assert joined.names == ["a__p0", "a__p1", "b__p0", "b__p1", "b__p2"]
    assert (joined.dataset, len(joined)) == ("a+b", 5)
    assert [joined.read(index).name for index in range(5)] == joined.names
    assert [joined.size(index) for index in (1, 2)] == [(40, 60), (8, 8)]
    with pytest.raises(IndexError):
        joined.read(5)


def test_sampler_shows_each_pair_once_per_epoch_and_shares_them_out():
    pairs = TrainingPairs(Places(count=10), seed=3)
    shares = [EpochSampler(pairs, processes=2, process=process) for process in range(2)]
    orders = []
    for epoch in range(3):
        for share in shares:
            share.set_epoch(epoch)
        turns = [list(share) for share in shares]
        assert sorted(turn.place for part in turns for turn in part) == list(range(10))
        assert {turn.epoch for part in turns for turn in part} == {epoch}
        orders.append([turn.place for turn in turns[0]])
    assert len({tuple(order) for order in orders}) == 3


def test_batches_of_equal_sizes_lose_nothing():
    sizes = [(4, 4), (8, 8), (4, 4), (4, 4), (8, 8), (2, 2)]
    batches = SameSizeBatchSampler(range(6), batch_size=2, sizes=sizes)
    assert list(batches) == [[0, 2], [1, 4], [3], [5]]
    assert len(batches) == 4
    assert list(SameSizeBatchSampler(range(6), batch_size=2, drop_last=True, sizes=sizes)) == [[0, 2], [1, 4]]


def test_subset_of_a_training_source_keeps_order():
    subset = Subset(Places(), [3, 1])
    assert subset.names == ["p3", "p1"]
    assert subset.read(0).name == "p3"


def test_crops_of_one_size_make_batches_of_mixed_images():
    joined = ConcatSource([Places(count=1, dataset="a"), Places(count=1, dataset="b", size=(20, 90))])
    pairs = TrainingPairs(joined, crop=16)
    assert collate([pairs[0], pairs[1]])["vi"].shape == (2, 3, 16, 16)
