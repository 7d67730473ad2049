"""`manage.py database_server <verb>`: the PostgreSQL servers that casinos' databases are placed on."""

from tenants.management.cli.verbs import VerbCommand
from tenants.management.server_verbs import VERBS


class Command(VerbCommand):
    help = "The database servers: which there are, and which take new casinos."
    verbs = VERBS
