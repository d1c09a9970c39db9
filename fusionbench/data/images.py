"""The names of `fusionbench.images` under the module that they were in."""

from fusionbench.images.files import LOSSLESS, SUFFIXES, decode_image, image_size, read_image, write_image
from fusionbench.images.levels import luma
from fusionbench.images.tensors import to_bytes, to_tensor

__all__ = [
    "LOSSLESS",
    "SUFFIXES",
    "decode_image",
    "image_size",
    "luma",
    "read_image",
    "to_bytes",
    "to_tensor",
    "write_image",
]
