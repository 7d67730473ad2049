"""`manage.py api_key <verb>`: keys that casinos' back ends show."""

from tenants.management.api_key_verbs import VERBS
from tenants.management.cli.verbs import VerbCommand


class Command(VerbCommand):
    help = "API keys: made, listed, rotated and revoked. `manage.py api_key VERB --help` says more of one verb."
    verbs = VERBS
