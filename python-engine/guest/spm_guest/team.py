"""`spm.team` as tasks see it."""

from typing import Final

from . import manager
from ._ranks import Team

TEAM: Final = Team(manager.endpoint)
