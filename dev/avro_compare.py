"""Compares the records of topics in Avro with those of topics in JSON; called by dev/avro-compare.

Reads both with confluent-kafka, the Avro ones with its AvroDeserializer, which gives values of Python: each goes back to
what Connect's JSON has for it by the schema that the registry holds, and must be equal then, type by type.
"""

import argparse
import base64
import datetime
import json
import struct
import sys

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from fastavro.read import LOGICAL_READERS

SECONDS = 60
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
# MySQL's TIME may be negative or beyond a day, for which Python's time has no value: the number stays one.
LOGICAL_READERS.pop("int-time-millis")
# The envelope's own clocks: each reader has its own.
CLOCKS = ("ts_ms", "ts_us", "ts_ns")


def records(brokers, topic):
    """Keys, values and headers of a topic, partition by partition."""
    consumer = Consumer(
        {"bootstrap.servers": brokers, "group.id": "avro-compare", "enable.auto.commit": False, "enable.partition.eof": True}
    )
    metadata = consumer.list_topics(topic, timeout=SECONDS)
    found = []
    for partition in sorted(metadata.topics[topic].partitions):
        where = TopicPartition(topic, partition, 0)
        low, high = consumer.get_watermark_offsets(where, timeout=SECONDS)
        where.offset = low
        consumer.assign([where])
        at = low
        while at < high:
            message = consumer.poll(SECONDS)
            if message is None:
                raise SystemExit(f"{topic}: nothing came within {SECONDS} s")
            if message.error():
                if message.error().name() == "_PARTITION_EOF":
                    break
                raise KafkaException(message.error())
            found.append((message.key(), message.value(), message.headers() or []))
            at = message.offset() + 1
    consumer.close()
    return found


class Avro:
    """Reads Confluent's wire form back to what JSON would have."""

    def __init__(self, url):
        self.client = SchemaRegistryClient({"url": url, "timeout": SECONDS / 6})
        self.deserializer = AvroDeserializer(self.client)
        self.schemas = {}

    def read(self, data, topic, field):
        if data is None:
            return None
        if data[0] != 0:
            raise SystemExit(f"{topic}: a record that does not begin with a zero byte")
        number = struct.unpack(">I", data[1:5])[0]
        if number not in self.schemas:
            self.schemas[number] = json.loads(self.client.get_schema(number).schema_str)
        value = self.deserializer(data, SerializationContext(topic, field))
        return plain(self.schemas[number], value, {}, None)


def plain(schema, value, named, space):
    """A value of Python as Connect's JSON has it; `named` holds the types that were defined so far."""
    if isinstance(schema, list):
        if value is None:
            # The type behind a null may be the only place where it is defined.
            for branch in schema:
                learn(branch, named, space)
            return None
        branches = [branch for branch in schema if branch != "null"]
        if len(branches) != 1:
            raise SystemExit(f"a union that is no optional type: {schema}")
        return plain(branches[0], value, named, space)
    if isinstance(schema, str):
        known = named.get(schema) or named.get(f"{space}.{schema}")
        if known is not None:
            return plain(known, value, dict(named), known.get("namespace", space))
        schema = {"type": schema}
    kind, logical = schema["type"], schema.get("logicalType")
    if isinstance(kind, (dict, list)):
        return plain(kind, value, named, space)
    if kind == "record":
        learn(schema, named, space)
        inner = schema.get("namespace", space)
        return {field["name"]: plain(field["type"], value[field["name"]], named, inner) for field in schema["fields"]}
    if kind == "array":
        return [plain(schema["items"], item, named, space) for item in value]
    if kind == "map":
        return {name: plain(schema["values"], item, named, space) for name, item in value.items()}
    if logical == "decimal":
        sign, digits, exponent = value.as_tuple()
        missing = schema["scale"] + exponent
        if missing < 0:
            raise SystemExit("a decimal with more digits than its scale")
        unscaled = int("".join(map(str, digits))) * 10**missing * (-1 if sign else 1)
        return base64.b64encode(unscaled.to_bytes(minimal(unscaled), "big", signed=True)).decode()
    if logical == "date":
        return (value - EPOCH.date()).days
    if logical == "timestamp-millis":
        return (value - EPOCH) // datetime.timedelta(milliseconds=1)
    if kind == "bytes":
        return base64.b64encode(value).decode()
    if kind == "float":
        return Single(value)
    return value


def minimal(number):
    """Bytes of the shortest two's complement."""
    return (number if number >= 0 else ~number).bit_length() // 8 + 1


class Single:
    """A float of 32 bits, which is equal to every text that reads as it."""

    def __init__(self, value):
        self.bits = struct.pack("f", value)

    def __repr__(self):
        return repr(struct.unpack("f", self.bits)[0])


def learn(schema, named, space):
    """Notes every record that a schema defines, by its full name."""
    if isinstance(schema, list):
        for branch in schema:
            learn(branch, named, space)
    elif isinstance(schema, dict):
        if schema["type"] == "record":
            space = schema.get("namespace", space)
            named.setdefault(f"{space}.{schema['name']}", dict(schema, namespace=space))
            for field in schema["fields"]:
                learn(field["type"], named, space)
        elif schema["type"] == "array":
            learn(schema["items"], named, space)
        elif schema["type"] == "map":
            learn(schema["values"], named, space)
        elif isinstance(schema["type"], (dict, list)):
            learn(schema["type"], named, space)


def from_json(data):
    if data is None:
        return None
    value = json.loads(data)
    return value["payload"] if set(value) == {"schema", "payload"} else value


def shared(value):
    """Without what two readers of one binlog do not share."""
    if isinstance(value, dict) and "source" in value:
        value = {name: member for name, member in value.items() if name not in CLOCKS}
        value["source"] = dict(value["source"], name=None)
    return value


def differences(ours, theirs, path):
    if isinstance(ours, Single) and type(theirs) is float:
        if ours.bits != struct.pack("f", theirs):
            yield f"{path}: {ours!r} | {theirs!r}"
    elif type(ours) is not type(theirs):
        yield f"{path}: {ours!r} | {theirs!r}"
    elif isinstance(ours, dict):
        if list(ours) != list(theirs):
            yield f"{path}: members {list(ours)} | {list(theirs)}"
            return
        for name in ours:
            yield from differences(ours[name], theirs[name], f"{path}/{name}")
    elif isinstance(ours, list):
        if len(ours) != len(theirs):
            yield f"{path}: {len(ours)} items | {len(theirs)}"
            return
        for index, (one, other) in enumerate(zip(ours, theirs)):
            yield from differences(one, other, f"{path}/{index}")
    elif ours != theirs:
        yield f"{path}: {ours!r} | {theirs!r}"


def headers(found):
    """All but those that name the reader or its run."""
    return [(name, value) for name, value in found if not name.startswith("__debezium.context.")]


def main():
    parser = argparse.ArgumentParser()
    for name in ("brokers", "registry", "avro", "json"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("topics", nargs="+")
    options = parser.parse_args()
    avro, compared, found = Avro(options.registry), 0, []
    for name in options.topics:
        ours_topic, theirs_topic = f"{options.avro}.{name}", f"{options.json}.{name}"
        ours, theirs = records(options.brokers, ours_topic), records(options.brokers, theirs_topic)
        if len(ours) != len(theirs):
            found.append(f"{name}: {len(ours)} records | {len(theirs)}")
        for number, (one, other) in enumerate(zip(ours, theirs)):
            compared += 1
            place = f"{name} #{number}"
            key = avro.read(one[0], ours_topic, MessageField.KEY)
            value = avro.read(one[1], ours_topic, MessageField.VALUE)
            found += differences(key, from_json(other[0]), f"{place} key")
            found += differences(shared(value), shared(from_json(other[1])), f"{place} value")
            found += differences(headers(one[2]), headers(other[2]), f"{place} headers")
    for line in found:
        print(line)
    print(f"{compared} records compared, {len(avro.schemas)} schemas, {len(found)} differences")
    sys.exit(1 if found else 0)


main()
