"""Migrations of casinos' databases: `migrate` one casino, `fleet` all casinos; `plan` caches the steps, `template` is
the database that new casinos are copied from, `version` the fingerprint of the applied migrations."""
