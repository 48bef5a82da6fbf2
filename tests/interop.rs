//! The wire shared with Python: every row of `WIRE.md`, both ways.
//!
//! `interop/vectors.json` holds golden vectors: for each row the key as Python's f-string makes it, the
//! text as `json.dumps` writes it, and the TTL. They were generated once by `interop/python_side.py`;
//! when Python and the PyPI package `valkey` are there, that program also talks to the same server.

#[path = "interop/python.rs"]
mod python;
#[path = "interop/rows.rs"]
mod rows;
