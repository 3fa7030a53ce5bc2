"""The format of a repository, version 1: what objects contain, where they are, how they are served. Pure."""
