from importlib import import_module

wider = import_module("tenants.tests.releases.wider.migrations.9999_user_nickname")


class Migration(wider.Migration):
    replaces = [("recommendations", "9999_user_nickname")]
