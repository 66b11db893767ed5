"""What may be declared: each function gives back what is right, and refuses the rest with its cure."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from workers import codec as codecs
from workers.agent import Agent
from workers.codec import Codec
from workers.errors import AppInvalid
from workers.guarantee import Guarantee
from workers.handlers import name_of, wants_record
from workers.retry import Retry
from workers.topics import check_topic

T = TypeVar("T")


def make_agent(
    handler: Callable[..., Any],
    topic: str,
    *,
    value: Any,
    key: Any,
    output: str | None,
    codec: Codec,
    batch: int | None,
    retries: Retry,
) -> Agent:
    """An agent without its dead-letter topic, which hangs on the group."""
    return Agent(
        name=name_of(handler),
        topic=topic,
        output=output,
        handler=handler,
        wants_record=wants_record(handler),
        batch=batch,
        retries=checked_retries(retries),
        dead_letter=None,
        codec=codec,
        type_name=codecs.type_name(value),
        takes_null=_of_type(codecs.takes_null, value, "value"),
        decode_raw=_of_type(partial(codecs.decoder, codec), value, "value"),
        decode_key=_of_type(partial(codecs.key_decoder, codec), key, "key"),
        encode=codecs.encoder(codec),
    )


def checked_batch(records: object) -> int | None:
    if records is None or (type(records) is int and records > 0):
        return records
    raise AppInvalid(f"batch={records!r}: give a whole number of records from 1, or leave it out")


def _of_type(make: Callable[[Any], T], declared: Any, parameter: str) -> T:
    try:
        return make(declared)
    except Exception as error:
        raise AppInvalid(f"{parameter}={codecs.type_name(declared)} cannot be decoded: {error}") from error


def dead_letter_topic(template: object, topic: str, group: str) -> str | None:
    """The topic that `template` names for one input topic; None for none."""
    if template is None:
        return None
    if not isinstance(template, str):
        raise AppInvalid(f"dead_letter={template!r}: give a topic, or None for none")
    name = check_topic(template.replace("{topic}", topic).replace("{group}", group), "dead_letter=")
    if name == topic:
        raise AppInvalid(f"dead_letter={template!r} is the input topic: what fails there would come back for ever")
    return name


def checked_group(group: object) -> str:
    if isinstance(group, str) and group:
        return group
    raise AppInvalid(f"App({group!r}): give the consumer group, a text that is not empty")


def checked_codec(name: str) -> Codec:
    try:
        return Codec(name)
    except ValueError:
        allowed = ", ".join(f'"{codec}"' for codec in Codec)
        raise AppInvalid(f"codec={name!r} is unknown: {allowed} are known") from None


def checked_guarantee(name: str) -> Guarantee:
    try:
        return Guarantee(name)
    except ValueError:
        allowed = ", ".join(f'"{guarantee}"' for guarantee in Guarantee)
        raise AppInvalid(f"guarantee={name!r} is unknown: {allowed} are known") from None


def checked_retries(retries: Retry) -> Retry:
    if isinstance(retries, Retry):
        return retries
    raise AppInvalid(f"retries={retries!r}: give a Retry, such as Retry(attempts=5)")
