"""The bytes of pages: views of the manifests, each of which can be deleted and rendered again to the same bytes."""
