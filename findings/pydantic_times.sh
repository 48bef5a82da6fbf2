#!/usr/bin/env bash
# pydantic 2.12.5 (PyPI), a `datetime` field that is given a text.
# An ISO 8601 date in its basic form is read as seconds since 1970, silently; `datetime.fromisoformat` of Python 3.11 and later
# reads the date. An offset of hours alone, as PostgreSQL prints it (`+00`), is refused; `fromisoformat` takes it.
# Seen:
#   20260102: pydantic 1970-08-23 11:48:22+00:00, fromisoformat 2026-01-02 00:00:00
#   2026-01-02 03:04:05+00: pydantic refused, fromisoformat 2026-01-02 03:04:05+00:00
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pydantic==2.12.5
cat >"$folder/show.py" <<'PYTHON'
from datetime import datetime
from pydantic import BaseModel, ValidationError

class Row(BaseModel):
    time: datetime

for text in ["20260102", "2026-01-02 03:04:05+00"]:
    try:
        read = Row(time=text).time
    except ValidationError:
        read = "refused"
    print(f"{text}: pydantic {read}, fromisoformat {datetime.fromisoformat(text)}")
PYTHON
found=$("$folder/venv/bin/python" "$folder/show.py")
echo "$found"
[ "$found" = "20260102: pydantic 1970-08-23 11:48:22+00:00, fromisoformat 2026-01-02 00:00:00
2026-01-02 03:04:05+00: pydantic refused, fromisoformat 2026-01-02 03:04:05+00:00" ]
