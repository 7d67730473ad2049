"""The verbs of `manage.py casino`: one file per verb or pair of verbs, and their registry."""

from tenants.management.cli.verbs import Verb, registry

from .backup import BackUpCasino, ListBackups
from .clone import CloneCasino
from .create import CreateCasino
from .delete import DeleteCasino
from .doctor import Doctor
from .limit import LimitCasino
from .listing import ListCasinos, ShowCasino
from .move import MoveCasino
from .restore import PruneCasino, RestoreCasino
from .suspend import ResumeCasino, SuspendCasino

VERBS: dict[str, Verb] = registry(
    [
        CreateCasino(),
        ListCasinos(),
        ShowCasino(),
        LimitCasino(),
        SuspendCasino(),
        ResumeCasino(),
        CloneCasino(),
        BackUpCasino(),
        ListBackups(),
        RestoreCasino(),
        MoveCasino(),
        PruneCasino(),
        DeleteCasino(),
        Doctor(),
    ]
)
