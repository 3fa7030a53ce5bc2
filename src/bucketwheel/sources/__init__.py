"""A CI container's pages and listings → links → artifacts of one project.

Pure: bytes and names in, facts out. Nothing here opens a URL; `bucketwheel.download` and `bucketwheel.fetch` do.
"""
