"""What schemathesis cannot know of the API: how Yjs updates, state vectors and cursors are made, and which requests
that fit their schema are no requests that can work out. Loaded by `run`."""

import base64
import itertools
import uuid
import zlib

import schemathesis
from hypothesis import strategies as st

UPDATE = "application/vnd.yjs.update"


def number(value):
    """A number as lib0 writes it."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def text(value):
    data = value.encode()
    return number(len(data)) + data


def update(client, written):
    """Somebody new writes into the notes; or an update that says nothing."""
    if not written:
        return b"\0\0"
    return b"\1\1" + number(client) + b"\0\4\1" + text("notes") + text(written) + b"\0"


def state_vector(clocks):
    return number(len(clocks)) + b"".join(number(client) + number(clock) for client, clock in clocks.items())


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def cursor(salt):
    """As `src/api/cursor.rs` makes them."""

    def make(key):
        data = key.encode()
        return base64url(data + zlib.crc32(salt + data).to_bytes(4, "little"))

    return make


clients = st.integers(1, 2**32 - 1)
plain = st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=1, max_size=20)

schemathesis.openapi.media_type(UPDATE, st.builds(update, clients, plain | st.just("")))
schemathesis.openapi.format(
    "yjs-state-vector", st.dictionaries(clients, st.integers(0, 2**31), max_size=4).map(state_vector).map(base64url)
)
schemathesis.openapi.format("entity-tags", st.sampled_from(['*', '"a"', 'W/"a"', '"a", "b"', '"%032x"' % 7]))
# At most 64 bytes, where a schema counts characters.
schemathesis.openapi.format("region", st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1))
schemathesis.openapi.format("cursor-of-rooms", plain.map(cursor(b"rooms")))
schemathesis.openapi.format("cursor-of-members", plain.map(cursor(b"members")))

updates = (update(client, "schemathesis") for client in itertools.count(1))


@schemathesis.serializer(UPDATE)
def send_update(context, value):
    return value if isinstance(value, bytes) else next(updates)


@schemathesis.deserializer(UPDATE)
def read_update(context, response):
    return response.content.decode("latin-1")


@schemathesis.hook
def before_call(context, case, kwargs):
    """What is beyond a schema: a key belongs to one request, and a trip ends after it starts."""
    for name, value in (case.headers or {}).items():
        if name.lower() == "idempotency-key" and 0 < len(value) <= 255 and value.isascii() and value.isprintable():
            case.headers[name] = f"{uuid.uuid4()}"
    body = case.body
    if isinstance(body, dict) and isinstance(body.get("start_date"), str) and isinstance(body.get("end_date"), str):
        body["start_date"], body["end_date"] = sorted([body["start_date"], body["end_date"]])
    if case.operation.label == "GET /v1/rooms/{room}/events":
        query = case.query or {}
        # A stream has no end, and nobody waits a minute for nothing here.
        case.headers["Accept"] = "application/json"
        if str(query.get("wait", "")).isdecimal() and 1 < int(query["wait"]) <= 60:
            query["wait"] = 1
        # Each fits by itself.
        if str(query.get("after", "")).isdecimal() and str(query.get("before", "")).isdecimal():
            del query["after"]
