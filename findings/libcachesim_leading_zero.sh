#!/usr/bin/env bash
# libcachesim 0.3.5 (PyPI), CSV traces with numeric object ids.
# Ids are read with the base that their spelling suggests: `010` is octal, so 010 and 8 are one object, and ids of 2^64
# and above all are 2^64 - 1. Nothing is said. A trace of zero-padded ids is played with other objects merged, and its
# hit ratio is too high.
# Seen:
#   010 -> 8
#   8 -> 8
#   18446744073709551616 -> 18446744073709551615
#   99999999999999999999 -> 18446744073709551615
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check libcachesim==0.3.5
cat >"$folder/show.py" <<'PYTHON'
import sys
import libcachesim as lcs

ids = ["010", "8", "18446744073709551616", "99999999999999999999"]
path = sys.argv[1]
with open(path, "w") as file:
    file.writelines(f"{time},{id},1\n" for time, id in enumerate(ids, 1))
parameters = lcs.ReaderInitParam(obj_id_is_num=True, obj_id_is_num_set=True, has_header=False, has_header_set=True)
parameters.time_field, parameters.obj_id_field, parameters.obj_size_field = 1, 2, 3
reader = lcs.TraceReader(path, lcs.TraceType.CSV_TRACE, parameters)
for id, request in zip(ids, reader):
    print(f"{id} -> {request.obj_id}")
PYTHON
found=$("$folder/venv/bin/python" "$folder/show.py" "$folder/t.csv")
echo "$found"
[ "$found" = "010 -> 8
8 -> 8
18446744073709551616 -> 18446744073709551615
99999999999999999999 -> 18446744073709551615" ]
