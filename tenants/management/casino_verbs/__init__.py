"""What `manage.py casino` can do: one file a verb or a pair of them, and this registry."""

from tenants.management.cli.verbs import Verb, registry

from .backup import BackUp, ListBackups
from .clone import Clone
from .create import Create
from .delete import Delete
from .doctor import Doctor
from .limit import Limit
from .listing import List, Show
from .move import Move
from .restore import Prune, Restore
from .suspend import Resume, Suspend

VERBS: dict[str, Verb] = registry(
    [
        Create(),
        List(),
        Show(),
        Limit(),
        Suspend(),
        Resume(),
        Clone(),
        BackUp(),
        ListBackups(),
        Restore(),
        Move(),
        Prune(),
        Delete(),
        Doctor(),
    ]
)
