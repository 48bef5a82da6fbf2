#!/usr/bin/env bash
# libcachesim 0.3.5 (PyPI), CSV traces of which nothing is said about a header.
# The first line is taken for a header if it has more letters than digits, so a trace without header, whose keys are
# words, loses its first request. One line at the level of information says so.
# Seen:
#   3 lines, 2 requests
#   told that there is no header: 3 requests
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check libcachesim==0.3.5
cat >"$folder/show.py" <<'PYTHON'
import sys
import libcachesim as lcs

path = sys.argv[1]
with open(path, "w") as file:
    file.write("user:anna,1\nuser:berta,1\nuser:anna,1\n")


def requests(**more):
    parameters = lcs.ReaderInitParam(obj_id_is_num=False, obj_id_is_num_set=True, **more)
    parameters.obj_id_field, parameters.obj_size_field = 1, 2
    return sum(1 for _ in lcs.TraceReader(path, lcs.TraceType.CSV_TRACE, parameters))


print(f"3 lines, {requests()} requests")
print(f"told that there is no header: {requests(has_header=False, has_header_set=True)} requests")
PYTHON
found=$("$folder/venv/bin/python" "$folder/show.py" "$folder/t.csv" 2>/dev/null | grep -v INFO)
echo "$found"
[ "$found" = "3 lines, 2 requests
told that there is no header: 3 requests" ]
