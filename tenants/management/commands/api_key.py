"""`manage.py api_key <verb>`: API keys of casinos."""

from tenants.management.api_key_verbs import VERBS
from tenants.management.cli.verbs import VerbCommand


class Command(VerbCommand):
    help = "Create, list, rotate and revoke API keys. `manage.py api_key VERB --help` describes a verb."
    verbs = VERBS
