"""Future releases, for tests of migrating: each is a package of migrations for `MIGRATION_MODULES`."""

WIDER = {"recommendations": "tenants.tests.releases.wider.migrations"}
SQUASHED = {"recommendations": "tenants.tests.releases.squashed.migrations"}
CONCURRENT = {"recommendations": "tenants.tests.releases.concurrent.migrations"}
NICKNAME = "recommendations.9999_user_nickname"
