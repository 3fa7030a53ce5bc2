"""The places that `fetch` searches: pages of CI containers and indexes, buckets, directories; only here is HTTP spoken."""
