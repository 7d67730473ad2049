"""`manage.py casino <verb>`: the lifecycle of casinos."""

from tenants.management.casino_verbs.backup import BackUpCasino, ListBackups
from tenants.management.casino_verbs.clone import CloneCasino
from tenants.management.casino_verbs.create import CreateCasino
from tenants.management.casino_verbs.delete import DeleteCasino
from tenants.management.casino_verbs.doctor import Doctor
from tenants.management.casino_verbs.limit import LimitCasino
from tenants.management.casino_verbs.listing import ListCasinos, ShowCasino
from tenants.management.casino_verbs.move import MoveCasino
from tenants.management.casino_verbs.restore import PruneCasino, RestoreCasino
from tenants.management.casino_verbs.suspend import ResumeCasino, SuspendCasino
from tenants.management.cli.verbs import VerbCommand, registry


class Command(VerbCommand):
    help = "The lifecycle of casinos. `manage.py casino VERB --help` describes a verb."
    verbs = registry(
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
