"""What is stored in a repository and how it reads: the format, version 1. Pure: bytes in, values out."""
