"""Limits that both ends of the sandbox share; `protocol/src/limits.rs` and `value/mod.rs` say why."""

from typing import Final

DEPTH_MAX: Final = 256
VALUE_BYTES_MAX: Final = 256 << 20
INT_BYTES_MAX: Final = 16 << 20
DECIMAL_BYTES_MAX: Final = 64 << 10
DIMENSIONS_MAX: Final = 64
RAISED_BYTES_MAX: Final = 1 << 20
RAISED_DEPTH_MAX: Final = 64
RAISED_RECORDS_MAX: Final = 4096
RAISED_FRAMES_MAX: Final = 1024
