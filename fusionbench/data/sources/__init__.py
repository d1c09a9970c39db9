"""Whatever pairs are read from: folders, EMS, single images with clean versions, shards; and caches over them."""
