"""`manage.py casino <verb>`: the lifecycle of casinos."""

from tenants.management.casino_verbs import VERBS
from tenants.management.cli.verbs import VerbCommand


class Command(VerbCommand):
    help = "The lifecycle of casinos. `manage.py casino VERB --help` describes a verb."
    verbs = VERBS
