"""The names of `fusionbench.images.files` under the module that they were in."""

from fusionbench.images.files import (
    LOSSLESS,
    SUFFIXES,
    decode_image,
    image_size,
    luma,
    read_image,
    to_bytes,
    to_tensor,
    write_image,
)

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
