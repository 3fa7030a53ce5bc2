"""Addresses that no artifact container has: link-local ones, where clouds hand out credentials to whoever asks."""

from __future__ import annotations

import ipaddress
import socket

__all__ = ["AddressRefused", "is_link_local"]

_METADATA_NAMES = {"metadata.google.internal", "metadata.goog"}
_METADATA_ADDRESSES = {"fd00:ec2::254", "100.100.100.200"}  # AWS over IPv6, Alibaba Cloud


class AddressRefused(Exception):
    """A connection would lead to an address where no container is."""


def is_link_local(host: str) -> bool:
    """Whether a host, as a URL names it, is a link-local or metadata address; other names are not resolved."""
    try:
        # Also what inet_aton takes: 2852039166 and 0xa9.0xfe.0xa9.0xfe are 169.254.169.254.
        numeric = str(socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)[0][4][0])
        address = ipaddress.ip_address(numeric.partition("%")[0])
    except (OSError, ValueError):
        return host.rstrip(".") in _METADATA_NAMES
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_link_local or str(address) in _METADATA_ADDRESSES
