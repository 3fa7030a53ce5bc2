"""The places that `fetch` searches: CI containers and indexes, buckets, directories. Only here is HTTP spoken."""
