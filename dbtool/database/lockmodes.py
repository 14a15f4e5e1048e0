"""Which heavyweight lock modes exclude which, as PostgreSQL's manual tabulates them."""

from collections.abc import Mapping
from types import MappingProxyType

_SHARE = "AccessShareLock"
_ROW_SHARE = "RowShareLock"
_ROW = "RowExclusiveLock"
_UPDATE = "ShareUpdateExclusiveLock"
_TABLE_SHARE = "ShareLock"
_SHARE_ROW = "ShareRowExclusiveLock"
_EXCLUSIVE = "ExclusiveLock"
_ACCESS = "AccessExclusiveLock"

CONFLICTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        _SHARE: frozenset({_ACCESS}),
        _ROW_SHARE: frozenset({_EXCLUSIVE, _ACCESS}),
        _ROW: frozenset({_TABLE_SHARE, _SHARE_ROW, _EXCLUSIVE, _ACCESS}),
        _UPDATE: frozenset({_UPDATE, _TABLE_SHARE, _SHARE_ROW, _EXCLUSIVE, _ACCESS}),
        _TABLE_SHARE: frozenset({_ROW, _UPDATE, _SHARE_ROW, _EXCLUSIVE, _ACCESS}),
        _SHARE_ROW: frozenset({_ROW, _UPDATE, _TABLE_SHARE, _SHARE_ROW, _EXCLUSIVE, _ACCESS}),
        _EXCLUSIVE: frozenset(
            {_ROW_SHARE, _ROW, _UPDATE, _TABLE_SHARE, _SHARE_ROW, _EXCLUSIVE, _ACCESS}
        ),
        _ACCESS: frozenset(
            {_SHARE, _ROW_SHARE, _ROW, _UPDATE, _TABLE_SHARE, _SHARE_ROW, _EXCLUSIVE, _ACCESS}
        ),
    }
)
"""The modes that cannot be held while another session holds the key."""
