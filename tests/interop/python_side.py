"""The Python side of the wire, as a bot in Python has it.

    python_side.py vectors              prints the golden vectors (vectors.json)
    python_side.py write HOST PORT      writes every vector with the `valkey` package
    python_side.py check HOST PORT      reads them back and compares, as written by Rust
    python_side.py strange HOST PORT    writes what json.dumps writes beyond JSON
"""

import json
import sys

PREFIX = "tux:"
BIG = 1234567890123456789


def key(k):
    return k if k.startswith(PREFIX) else PREFIX + k


def roles(ids):
    return str(tuple(sorted(ids)))


TIME = "2026-01-02T03:04:05.000678+00:00"
RANK = {
    "id": 1,
    "guild_id": BIG,
    "rank": 3,
    "name": "Mod\u00e9rateur \U0001f600 \"x\" \\ /",
    "description": None,
    "created_at": TIME,
    "updated_at": TIME,
}
ASSIGNMENT = {
    "id": 7,
    "guild_id": BIG,
    "permission_rank_id": 1,
    "role_id": 2**64 - 1,
    "created_at": TIME,
    "updated_at": TIME,
}
COMMAND = {
    "id": 9,
    "guild_id": BIG,
    "command_name": "ban add",
    "required_rank": 5,
    "description": "line\nbreak\ttab\x7f",
    "created_at": TIME,
    "updated_at": TIME,
}

# (row, key, value, TTL in seconds as the caller gives it)
ROWS = [
    ("guild_config", f"guild_config:{BIG}",
     {"audit_log_id": BIG, "mod_log_id": None, "jail_role_id": 5, "jail_channel_id": 6}, 600.0),
    ("guild_config partial", "guild_config:2", {"jail_role_id": None, "later_field": [1.5, {}]}, 600.0),
    ("jail_status true", f"jail_status:{BIG}:42", True, 300.0),
    ("jail_status false", "jail_status:1:2", False, 300.0),
    ("prefix", "prefix:1", "$\u2192\u00e9", None),
    ("permission_ranks", "perm:permission_ranks:1", [RANK], 600.0),
    ("permission_ranks none", "perm:permission_ranks:2", [], 600.0),
    ("permission_assignments", "perm:permission_assignments:1", [ASSIGNMENT], 600.0),
    ("user_permission_rank one", f"perm:user_permission_rank:1:2:{roles([5])}", 0, 300.0),
    ("user_permission_rank two", f"perm:user_permission_rank:1:2:{roles([9, 5])}", 10, 300.0),
    ("user_permission_rank no role", f"perm:user_permission_rank:1:2:{roles([])}", 1, 300.9),
    ("command_permission", "perm:command_permission:1:ban add", {"_v": COMMAND}, 600.0),
    ("command_permission absent", "perm:command_permission:1:kick", {"_v": None}, 600.0),
    ("command_permission_fallback", "perm:command_permission_fallback:1:ban add now",
     {"_v": COMMAND}, 600.0),
    ("case_by_number", "case:by_number:1:7", 2**63 - 1, 1800.0),
    ("case_by_number absent", f"case:by_number:{BIG}:8", None, 1800.0),
    ("null", "other:null", None, None),
    ("big integers", "other:big", [2**63, 2**64, -(2**63), 10**30, 0], 60.0),
    ("floats", "other:floats",
     [0.1, 1.0, -0.0, 1e16, 1e15, 1e-5, 0.0001, 1.5e300, 5e-324, 123456789012345680.0], 60.0),
    ("text", "other:text", "".join(map(chr, range(0, 0x100))) + "\u2028\ud7ff\ue000\U0010ffff", 60.0),
    ("nesting", "other:nest", {"a": [[], [{}], {"b": {"c": [None, True, False]}}]}, 60.0),
    ("already prefixed", "tux:other:prefixed", 1, 60.0),
]


def vectors():
    return [
        {
            "row": row,
            "key": k,
            "wire_key": key(k),
            "value": value,
            "text": json.dumps(value),
            "ttl": ttl,
            "seconds": None if ttl is None else int(ttl),
        }
        for row, k, value, ttl in ROWS
    ]


STRANGE = {
    "strange:nan": float("nan"),
    "strange:inf": [float("inf"), -float("inf")],
    "strange:nested nan": {"a": float("nan")},
    "strange:lone surrogate": "\ud800",
    "strange:deep": None,
}


def main():
    mode = sys.argv[1]
    if mode == "vectors":
        print(json.dumps(vectors(), indent=1))
        return
    import valkey

    client = valkey.Valkey(host=sys.argv[2], port=int(sys.argv[3]), decode_responses=True)
    if mode == "write":
        for v in vectors():
            if v["seconds"] is None:
                client.set(v["wire_key"], json.dumps(v["value"]))
            else:
                client.setex(v["wire_key"], v["seconds"], json.dumps(v["value"]))
    elif mode == "check":
        for v in vectors():
            text = client.get(v["wire_key"])
            assert text is not None, f"{v['row']}: nothing under {v['wire_key']!r}"
            assert json.loads(text) == v["value"], f"{v['row']}: {text!r}"
            assert text == json.dumps(v["value"]), f"{v['row']}: {text!r} is not Python's text"
            ttl = client.ttl(v["wire_key"])
            if v["seconds"] is None:
                assert ttl == -1, f"{v['row']}: TTL {ttl}"
            else:
                assert v["seconds"] - 20 <= ttl <= v["seconds"], f"{v['row']}: TTL {ttl}"
        print(len(ROWS), "rows")
    elif mode == "strange":
        for k, value in STRANGE.items():
            if k == "strange:deep":
                text = "[" * 900 + "]" * 900
                assert json.loads(text)
            else:
                text = json.dumps(value)
            client.set(PREFIX + k, text)
    else:
        sys.exit(f"unknown mode {mode}")


main()
