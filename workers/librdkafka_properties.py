"""The properties that librdkafka knows: for whom each is and what it may be, as its CONFIGURATION.md (2.16) has it.

The table has one a line: name, scope and what is allowed: a range, a choice, `bool`, `str`, `csv`, or `=other` for an
alias. Left out are callbacks and pointers, which no text can set.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

Value = str | int | float | bool
"""What a property may be set to."""

_BOOLEANS: Final = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
_SECRET_WORDS: Final = ("password", "passphrase", "secret", "key.pem", "jaas", "oauthbearer.config")


class Scope(StrEnum):
    """Which clients take a property."""

    ALL = "*"
    CONSUMER = "C"
    PRODUCER = "P"


@dataclass(frozen=True, slots=True)
class Property:
    """One property.

    Attributes:
        name: as librdkafka spells it; of two aliases the one in wider use.
        scope: which clients take it.
        kind: what is allowed, in the table's notation.
    """

    name: str
    scope: Scope
    kind: str

    @property
    def allowed(self) -> str:
        """What it may be, in words."""
        if self.kind in _WORDS:
            return _WORDS[self.kind]
        if ".." not in self.kind:
            return " or ".join(self.kind.split("|"))
        low, high = self._range()
        also = " or all" if self.kind.endswith("|all") else ""
        return f"a{'' if self._fractional() else ' whole'} number from {low} to {high}{also}"

    def parse(self, value: Value) -> Value:
        """Check `value` and give it as librdkafka wants it.

        Raises:
            ValueError: it is not what is allowed; without a text, as that could hold a secret.
        """
        text = str(value).strip()
        if self.kind == "bool":
            if text.lower() not in _BOOLEANS:
                raise ValueError
            return _BOOLEANS[text.lower()]
        if self.kind in _WORDS:
            return str(value)
        choices = self.kind.split("|")
        for choice in choices:
            if text.lower() == choice.lower():
                return choice
        if ".." not in self.kind:
            raise ValueError
        return self._parse_number(text)

    def _parse_number(self, text: str) -> int | float:
        number = float(text) if self._fractional() else int(text)
        low, high = self._range()
        if not low <= number <= high:
            raise ValueError
        return number

    def _fractional(self) -> bool:
        return self.kind.startswith("float:")

    def _range(self) -> tuple[int, int]:
        low, high = self.kind.removeprefix("float:").removesuffix("|all").split("..")
        return int(low), int(high)


def find(name: str) -> Property | None:
    """The property called `name`, also by an alias; None if there is none."""
    return PROPERTIES.get(ALIASES.get(name, name))


def is_secret(name: str) -> bool:
    """Whether the value of property `name`, known or not, must never be shown."""
    return any(word in name for word in _SECRET_WORDS)


def environment_name(name: str) -> str:
    """How `name` is written in a variable of the environment, without its prefix: `LINGER_MS` for `linger.ms`."""
    return name.upper().replace(".", "_")


_WORDS: Final = {"bool": "true or false", "str": "a text", "csv": "a list of words with commas between them"}

_TABLE: Final = """\
acks P -1..1000|all
allow.auto.create.topics * bool
api.version.fallback.ms * 0..604800000
api.version.request * bool
api.version.request.timeout.ms * 1..300000
auto.commit.enable C =enable.auto.commit
auto.commit.interval.ms C 0..86400000
auto.offset.reset C smallest|earliest|beginning|largest|latest|end|error
batch.num.messages P 1..1000000
batch.size P 1..2147483647
bootstrap.servers * str
broker.address.family * any|v4|v6
broker.address.ttl * 0..86400000
broker.version.fallback * str
check.crcs C bool
client.dns.lookup * use_all_dns_ips|resolve_canonical_bootstrap_servers_only
client.id * str
client.rack * str
compression.codec P =compression.type
compression.level P -1..12
compression.type P none|gzip|snappy|lz4|zstd
connections.max.idle.ms * 0..2147483647
consume.callback.max.messages C 0..1000000
coordinator.query.interval.ms C 1..3600000
debug * csv
delivery.report.only.error P bool
message.timeout.ms P 0..2147483647
enable.auto.commit C bool
enable.auto.offset.store C bool
enable.gapless.guarantee P bool
enable.idempotence P bool
enable.metrics.push * bool
enable.partition.eof C bool
enable.random.seed * bool
enable.sasl.oauthbearer.unsecure.jwt * bool
enable.ssl.certificate.verification * bool
enabled_events * 0..2147483647
fetch.error.backoff.ms C 0..300000
fetch.max.bytes C 0..2147483135
fetch.message.max.bytes C =max.partition.fetch.bytes
fetch.min.bytes C 0..2147483647
fetch.queue.backoff.ms C 0..300000
fetch.wait.max.ms C 0..300000
group.id C str
group.instance.id C str
group.protocol C classic|consumer
group.protocol.type C str
group.remote.assignor C str
heartbeat.interval.ms C 1..3600000
https.ca.location * str
https.ca.pem * str
internal.termination.signal * 0..128
isolation.level C read_uncommitted|read_committed
linger.ms P float:0..900000
log.connection.close * bool
log.queue * bool
log.thread.name * bool
log_level * 0..7
max.in.flight * =max.in.flight.requests.per.connection
max.in.flight.requests.per.connection * 1..1000000
max.partition.fetch.bytes C 1..1000000000
max.poll.interval.ms C 1..86400000
max.poll.records C 1..2147483647
message.copy.max.bytes * 0..1000000000
message.max.bytes * 1000..1000000000
message.send.max.retries P =retries
delivery.timeout.ms P =message.timeout.ms
metadata.broker.list * =bootstrap.servers
metadata.max.age.ms * 1..86400000
metadata.recovery.rebootstrap.trigger.ms * 0..2147483647
metadata.recovery.strategy * none|rebootstrap
offset.store.method C none|file|broker
offset.store.path C str
offset.store.sync.interval.ms C -1..86400000
partition.assignment.strategy C str
partitioner P str
plugin.library.paths * str
produce.offset.report P bool
queue.buffering.backpressure.threshold P 1..1000000
queue.buffering.max.kbytes P 1..2147483647
queue.buffering.max.messages P 0..2147483647
queue.buffering.max.ms P =linger.ms
queued.max.messages.kbytes C 1..2097151
queued.min.messages C 1..10000000
queuing.strategy P fifo|lifo
receive.message.max.bytes * 1000..2147483647
reconnect.backoff.jitter.ms * 0..3600000
reconnect.backoff.max.ms * 0..3600000
reconnect.backoff.ms * 0..3600000
request.required.acks P =acks
request.timeout.ms P 1..900000
retries P 0..2147483647
retry.backoff.max.ms * 1..300000
retry.backoff.ms * 1..300000
sasl.kerberos.keytab * str
sasl.kerberos.kinit.cmd * str
sasl.kerberos.min.time.before.relogin * 0..86400000
sasl.kerberos.principal * str
sasl.kerberos.service.name * str
sasl.mechanism * str
sasl.mechanisms * =sasl.mechanism
sasl.oauthbearer.assertion.algorithm * RS256|ES256
sasl.oauthbearer.assertion.claim.aud * str
sasl.oauthbearer.assertion.claim.exp.seconds * 1..2147483647
sasl.oauthbearer.assertion.claim.iss * str
sasl.oauthbearer.assertion.claim.jti.include * bool
sasl.oauthbearer.assertion.claim.nbf.seconds * 0..2147483647
sasl.oauthbearer.assertion.claim.sub * str
sasl.oauthbearer.assertion.file * str
sasl.oauthbearer.assertion.jwt.template.file * str
sasl.oauthbearer.assertion.private.key.file * str
sasl.oauthbearer.assertion.private.key.passphrase * str
sasl.oauthbearer.assertion.private.key.pem * str
sasl.oauthbearer.client.credentials.client.id * =sasl.oauthbearer.client.id
sasl.oauthbearer.client.credentials.client.secret * =sasl.oauthbearer.client.secret
sasl.oauthbearer.client.id * str
sasl.oauthbearer.client.secret * str
sasl.oauthbearer.config * str
sasl.oauthbearer.extensions * str
sasl.oauthbearer.grant.type * client_credentials|urn:ietf:params:oauth:grant-type:jwt-bearer
sasl.oauthbearer.metadata.authentication.type * none|azure_imds|aws_iam
sasl.oauthbearer.method * default|oidc
sasl.oauthbearer.scope * str
sasl.oauthbearer.sub.claim.name * str
sasl.oauthbearer.token.endpoint.url * str
sasl.password * str
sasl.username * str
security.protocol * plaintext|ssl|sasl_plaintext|sasl_ssl
session.timeout.ms C 1..3600000
share.acknowledgement.mode C str
socket.blocking.max.ms * 1..60000
socket.connection.setup.timeout.ms * 1000..2147483647
socket.keepalive.enable * bool
socket.max.fails * 0..1000000
socket.nagle.disable * bool
socket.receive.buffer.bytes * 0..100000000
socket.send.buffer.bytes * 0..100000000
socket.timeout.ms * 10..300000
ssl.ca.certificate.stores * str
ssl.ca.location * str
ssl.ca.pem * str
ssl.certificate.location * str
ssl.certificate.pem * str
ssl.cipher.suites * str
ssl.crl.location * str
ssl.curves.list * str
ssl.endpoint.identification.algorithm * none|https
ssl.engine.id * str
ssl.engine.location * str
ssl.key.location * str
ssl.key.password * str
ssl.key.pem * str
ssl.keystore.location * str
ssl.keystore.password * str
ssl.providers * str
ssl.sigalgs.list * str
statistics.interval.ms * 0..86400000
sticky.partitioning.linger.ms P 0..900000
topic.blacklist * str
topic.metadata.propagation.max.ms * 0..3600000
topic.metadata.refresh.fast.cnt * 0..1000
topic.metadata.refresh.fast.interval.ms * 1..60000
topic.metadata.refresh.interval.ms * -1..3600000
topic.metadata.refresh.sparse * bool
transaction.timeout.ms P 1000..2147483647
transactional.id P str
"""


def _read(table: str) -> tuple[dict[str, Property], dict[str, str]]:
    properties, aliases = {}, {}
    for line in table.splitlines():
        name, scope, kind = line.split()
        if kind.startswith("="):
            aliases[name] = kind[1:]
        else:
            properties[name] = Property(name, Scope(scope), kind)
    return properties, aliases


PROPERTIES, ALIASES = _read(_TABLE)
