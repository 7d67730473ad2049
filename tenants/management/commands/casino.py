"""`manage.py casino <verb>`: casinos made, looked at, suspended, copied, backed up, restored, moved and deleted."""

from tenants.management.casino_verbs import VERBS
from tenants.management.cli.verbs import VerbCommand


class Command(VerbCommand):
    help = "Everything about casinos' lives. `manage.py casino VERB --help` says more of one verb."
    verbs = VERBS
