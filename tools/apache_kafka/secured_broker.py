"""Starts a broker with the security of a company's: TLS, SASL (SCRAM, PLAIN, OAUTHBEARER), mutual TLS, ACLs.

Its plaintext listener is the administrator's. OAUTHBEARER accepts unsigned tokens: it tests the client's login, not the
broker's verification.
"""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from .broker import free_port, running_broker
from .certificates import make_ca, make_certificate

USER = "recsys"
_SECONDS = 30
_MECHANISM = "SCRAM-SHA-512"

# The service's operations on its topics and groups, as listed in docs/operations.md.
TOPIC_OPERATIONS = ("DESCRIBE", "READ", "WRITE", "CREATE", "ALTER")
GROUP_OPERATIONS = ("READ", "DESCRIBE")

_SETTINGS = """
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL
inter.broker.listener.name=PLAINTEXT
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={ca}
listener.name.ssl.ssl.client.auth=required
sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN,OAUTHBEARER
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\
  user_{user}="{password}";
listener.name.sasl_ssl.oauthbearer.sasl.jaas.config=\\
  org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""


@dataclass(frozen=True, slots=True)
class SecuredBroker:
    """The address `admin` is the administrator's, `sasl` the one for logins over TLS, and `mutual_tls` the one for
    client certificates. `password` is that of `USER`, whose client certificate is `certificate`."""

    admin: str
    sasl: str
    mutual_tls: str
    ca: Path
    certificate: Path
    password: str

    def variables(self) -> dict[str, str]:
        """The service's variables for a SCRAM login."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.sasl,
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_MECHANISM": _MECHANISM,
            "KAFKA_SASL_USERNAME": USER,
            "KAFKA_SASL_PASSWORD_FILE": str(self.ca.with_name("password")),
            "KAFKA_SSL_CA_FILE": str(self.ca),
        }


@contextmanager
def running_secured_broker(
    jars: Sequence[Path], port: int, folder: Path, log: Path, *, prefix: str = ""
) -> Iterator[SecuredBroker]:
    """Run a broker whose listener for logins over TLS is on `port`. `USER` may use only topics and groups whose names
    begin with `prefix`. Raises BrokerFailed, KafkaMissing."""
    broker = _prepare(folder / "security", port)
    keystore = folder / "security" / "keystore.pem"
    settings = _SETTINGS.format(keystore=keystore, ca=broker.ca, user=USER, password=broker.password)
    listeners = f"SASL_SSL://{broker.sasl},SSL://{broker.mutual_tls},"
    admin_port = int(broker.admin.rpartition(":")[2])
    with running_broker(jars, admin_port, folder, log, listeners=listeners, settings=settings):
        _create_user(broker, prefix)
        yield broker


def _prepare(folder: Path, port: int) -> SecuredBroker:
    """Make certificates and a password, new at each start."""
    ca = make_ca(folder)
    certificate, own = make_certificate(folder, "client", USER), make_certificate(folder, "broker", "localhost")
    keystore = folder / "keystore.pem"
    keystore.write_text(own.with_suffix(".key").read_text() + own.read_text())
    password = folder / "password"
    password.write_text(secrets.token_urlsafe(24))
    for path in (keystore, password):
        path.chmod(0o600)
    admin, mutual_tls = (f"127.0.0.1:{free_port()}" for _ in range(2))
    return SecuredBroker(admin, f"127.0.0.1:{port}", mutual_tls, ca, certificate, password.read_text())


def _create_user(broker: SecuredBroker, prefix: str) -> None:
    admin = AdminClient({"bootstrap.servers": broker.admin, "log_level": 2})
    credential = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4_096)
    change = UserScramCredentialUpsertion(USER, credential, password=broker.password.encode())
    for done in admin.alter_user_scram_credentials([change], request_timeout=_SECONDS).values():
        done.result(_SECONDS)
    for done in admin.create_acls(_permissions(prefix), request_timeout=_SECONDS).values():
        done.result(_SECONDS)


def _permissions(prefix: str) -> list[AclBinding]:
    """The permissions of the user with a password or token, and of the client certificate's name."""
    operations = [(ResourceType.TOPIC, name) for name in TOPIC_OPERATIONS]
    operations += [(ResourceType.GROUP, name) for name in GROUP_OPERATIONS]
    pattern = ResourcePatternType.PREFIXED if prefix else ResourcePatternType.LITERAL
    return [
        AclBinding(kind, prefix or "*", pattern, user, "*", AclOperation[operation], AclPermissionType.ALLOW)
        for kind, operation in operations
        for user in (f"User:{USER}", f"User:CN={USER}")
    ]
