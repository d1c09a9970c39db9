"""No-reference scores that pyiqa computes: their table, their files, and keeping pyiqa off the network."""
