"""Taking in what others put into the bucket: what lies there → differences → examined → the manifest's next revision.

Nothing is moved and nothing is removed. What a listing and a manifest settle between them costs no request; only what
differs is looked at.
"""

from __future__ import annotations
