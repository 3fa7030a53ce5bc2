"""Where `fetch` looks: pages of CI containers and indexes, buckets, directories; only here is HTTP spoken."""
