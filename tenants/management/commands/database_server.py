"""`manage.py database_server <verb>`: the PostgreSQL servers of casinos' databases."""

from tenants.management.cli.verbs import VerbCommand
from tenants.management.server_verbs import VERBS


class Command(VerbCommand):
    help = "List, add, open and close the database servers. `manage.py database_server VERB --help` describes a verb."
    verbs = VERBS
