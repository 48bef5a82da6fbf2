#!/usr/bin/env bash
# libcachesim 0.3.5 (PyPI), how many requests a trace has.
# Requests of size 0 are left out by default (`ignore_size_zero_req`), but `get_num_of_req()` counts them: who divides hits by
# it divides by too much. A blank line in a CSV trace, also at its end, is a request for object 0, of size 1.
# Seen:
#   oracleGeneral, one of 3 records of size 0: 2 requests, get_num_of_req() 3
#   CSV, 2 lines and a blank one at the end: 3 requests, the last for object 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check libcachesim==0.3.5
cat >"$folder/show.py" <<'PYTHON'
import struct
import sys
import libcachesim as lcs

path = sys.argv[1] + "/t.oracleGeneral"
with open(path, "wb") as file:
    for time, (id, size) in enumerate([(1, 5), (2, 0), (1, 5)]):
        file.write(struct.pack("<IQIq", time, id, size, -1))
reader = lcs.TraceReader(path, lcs.TraceType.ORACLE_GENERAL_TRACE, lcs.ReaderInitParam())
played = sum(1 for _ in reader)
print(f"oracleGeneral, one of 3 records of size 0: {played} requests, get_num_of_req() {reader.get_num_of_req()}")

path = sys.argv[1] + "/t.csv"
with open(path, "w") as file:
    file.write("1,10,5\n2,20,5\n\n")
parameters = lcs.ReaderInitParam(obj_id_is_num=True, obj_id_is_num_set=True, has_header=False, has_header_set=True)
parameters.time_field, parameters.obj_id_field, parameters.obj_size_field = 1, 2, 3
ids = [request.obj_id for request in lcs.TraceReader(path, lcs.TraceType.CSV_TRACE, parameters)]
print(f"CSV, 2 lines and a blank one at the end: {len(ids)} requests, the last for object {ids[-1]}")
PYTHON
found=$("$folder/venv/bin/python" "$folder/show.py" "$folder")
echo "$found"
[ "$found" = "oracleGeneral, one of 3 records of size 0: 2 requests, get_num_of_req() 3
CSV, 2 lines and a blank one at the end: 3 requests, the last for object 0" ]
