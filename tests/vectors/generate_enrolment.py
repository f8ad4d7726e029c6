"""specs/vectors/enrolment.json: codes, hints, and one enrolment with every key and frame."""

from protocol.encoding import Wire, decode, encode
from protocol.enrolment import make_code, parse_code, window_number
from protocol.hints import hint
from tests.attested import NOW, signing_key
from tests.unit.enrolments import CODE, DEVICE, JOINER_HOST, SEALING, WINDOW_HOST, entropy, joiner, visit, window

ARCHIPELAGO, SALT = b"a" * 32, bytes(range(16))
TYPED = [
    (CODE.text, "as it is shown"),
    (CODE.text.lower(), "in small letters"),
    (CODE.text.replace("-", ""), "without dashes"),
    (f" {CODE.text.replace('-', ' ')} ", "with spaces"),
    (CODE.text.replace("0", "O").replace("1", "l"), "letters that look like digits"),
]
NO_CODES = ["", "12", "12-ABCD-EFG", "12-ABCD-EFGHJ", "1A-ABCD-EFGH", "12-ABCD-EFG!", "12-ABCD-EFG\u017f"]


def vectors() -> dict[str, object]:
    device, opened = joiner(), window()
    visiting = visit(opened)
    hello = device.hello()
    reply = visiting.on_hello(hello)
    details = device.on_reply(reply)
    visiting.on_details(details, NOW)
    welcome = visiting.welcome(b"genesis", (b"one", b"two"))
    keys = visiting._keys
    assert keys is not None
    return {
        "spec": "specs/11-discovery-and-enrolment.md",
        "about": "Bytes are hex. The two ends draw their SPAKE2 scalars from `*_entropy`. Each of `faults` takes the "
        "place of the frame with its kind, and is refused at `field`.",
        "codes": [
            {"host": WINDOW_HOST, "entropy": data.hex(), "text": make_code(WINDOW_HOST, data).text}
            for data in (bytes(5), b"\xff" * 5, b"\x00\x11\x22\x33\x44")
        ],
        "numbers": [
            {"host": key.island, "number": window_number(key.island)} for key in (signing_key(1), signing_key(2))
        ],
        "typed": [
            *({"valid": True, "text": text, "code": parse_code(text).text, "why": why} for text, why in TYPED),
            *({"valid": False, "text": text} for text in NO_CODES),
        ],
        "hints": [
            {
                "salt": SALT.hex(),
                "archipelago": ARCHIPELAGO.hex(),
                "island": key.island,
                "hint": hint(SALT, ARCHIPELAGO, key.island).hex(),
            }
            for key in (signing_key(1), signing_key(2))
        ],
        "enrolment": {
            "code": CODE.text,
            "joiner_host": JOINER_HOST,
            "window_host": WINDOW_HOST,
            "joiner_entropy": entropy(9)(64).hex(),
            "window_entropy": entropy(1)(64).hex(),
            "device_seed": DEVICE.seed.hex(),
            "device_sealing": SEALING.hex(),
            "name": "laptop",
            "transcript": keys.transcript.hex(),
            "details_key": keys.details.hex(),
            "welcome_key": keys.welcome.hex(),
            "hello": hello.hex(),
            "reply": reply.hex(),
            "details": details.hex(),
            "welcome": welcome.hex(),
            "genesis": b"genesis".hex(),
            "entries": [b"one".hex(), b"two".hex()],
        },
        "faults": [fault(*one) for one in faults(hello, details)],
    }


def faults(hello: bytes, details: bytes) -> list[tuple[str, bytes, dict[str, Wire], str, str]]:
    sealed = _members(details)["sealed"]
    assert isinstance(sealed, bytes)
    return [
        ("hello", hello, {"t": "reply"}, "hello.t", "out of turn"),
        ("hello", hello, {"spake": b"A" + bytes(31)}, "hello.spake", "33 bytes"),
        ("hello", hello, {"spake": b"B" + _spake(hello)[1:]}, "spake", "the window's own side"),
        ("hello", hello, {"spake": b"A" + b"\x02" + bytes(31)}, "spake", "no point of the curve"),
        ("hello", hello, {"spake": b"A\x01" + bytes(31)}, "spake", "the neutral point gives everybody's key"),
        ("hello", hello, {"more": 1}, "hello.more", "what is not known cannot be judged"),
        ("details", details, {"sealed": sealed[:-1] + bytes([sealed[-1] ^ 1])}, "code", "not sealed with this key"),
        ("details", details, {"sealed": b""}, "code", "nothing is sealed"),
    ]


def fault(kind: str, frame: bytes, change: dict[str, Wire], field: str, why: str) -> dict[str, object]:
    return {"kind": kind, "data": encode({**_members(frame), **change}).hex(), "field": field, "why": why}


def _members(frame: bytes) -> dict[str, Wire]:
    members = decode(frame)
    assert isinstance(members, dict)
    return members


def _spake(frame: bytes) -> bytes:
    message = _members(frame)["spake"]
    assert isinstance(message, bytes)
    return message
