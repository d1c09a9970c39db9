"""What pairs are read from: folders, EMS, restoration datasets, shards; and caches of decoded pairs."""
