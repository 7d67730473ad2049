#!/bin/sh
# Runs once, when the container of PostgreSQL creates its volume: the service's own role, which is no superuser. It owns the
# catalogue, may create databases and, with CASINO_ROLES=1, roles. The superuser postgres then has no password:
# it can log in only inside the container, `docker compose exec postgres psql -U postgres`.
set -eu

case "$(printf %s "${CASINO_ROLES:-0}" | tr A-Z a-z)" in
    1 | true | yes | on) createrole=CREATEROLE ;;
    *) createrole=NOCREATEROLE ;;
esac

psql --no-psqlrc --quiet --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set ON_ERROR_STOP=1 \
    --set password="$POSTGRES_PASSWORD" --set catalogue="$POSTGRES_DB" --set superuser="$POSTGRES_USER" <<SQL
CREATE ROLE recsys LOGIN CREATEDB $createrole PASSWORD :'password';
ALTER DATABASE :"catalogue" OWNER TO recsys;
ALTER ROLE :"superuser" PASSWORD NULL;
SQL
