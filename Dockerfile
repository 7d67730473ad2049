# The image of the app, the consumers and the dummy producers.
FROM python:3.12-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1
WORKDIR /app

# pg_dump and pg_restore for backups, clones and moves of casinos; they must not be older than the server. libgomp is for
# LightGBM.
RUN apt-get update && apt-get install -y --no-install-recommends postgresql-client libgomp1 && rm -rf /var/lib/apt/lists/*

COPY requirements.lock .
# The lock file has no embedded PostgreSQL: the image connects to a server.
RUN pip install --require-hashes -r requirements.lock && useradd --system --uid 10001 --no-create-home recsys

COPY . .
# collectstatic needs the settings but no database, and the key signs nothing.
RUN DATABASE_URL=postgres://build@localhost/build SECRET_KEY=only-while-building LOCAL_DIR=/app/.local \
    python manage.py collectstatic --no-input

# a volume mounted here inherits the owner
RUN mkdir /backups && chown recsys /backups
USER recsys
EXPOSE 8000
CMD ["granian", "recsys_project.asgi:application", "--interface", "asgi", "--http", "1", "--no-ws", \
     "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--respawn-failed-workers", \
     "--backlog", "2048", "--backpressure", "2048", "--http1-buffer-size", "65536", "--workers-kill-timeout", "30", \
     "--log-config", "recsys_project/granian_logging.json"]
