"""The order of writes, by which nothing is lost and nothing dangles. Only these modules replace objects."""
