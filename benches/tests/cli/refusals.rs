//! Bad traces and arguments.

use super::support::*;

#[test]
fn bad_traces_are_refused_in_one_line() {
    let folder = folder();
    let (packed, keys) = (zst(&u64_file(&keys())), keys());
    let noise: Vec<u64> = (0..4_000_u64)
        .map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .collect();
    let mut corrupt = zst(&u64_file(&noise));
    let middle = corrupt.len() / 2;
    corrupt[4..8].fill(0xff);
    corrupt[middle..middle + 100].fill(0xff);
    let mut corrupt_gzip = gzip(&u64_file(&noise));
    let end = corrupt_gzip.len();
    corrupt_gzip[end - 8] ^= 0xff;
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("empty.u64", vec![], &["byte 0", "empty", "expected 8-byte"]),
        (
            "empty.oracleGeneral",
            vec![],
            &["byte 0", "expected 24-byte"],
        ),
        ("empty.csv", vec![], &["byte 0", "empty"]),
        ("empty.txt", vec![], &["byte 0", "empty"]),
        (
            "empty.u64.zst",
            vec![],
            &["byte 0", "empty", "expected zstd"],
        ),
        ("nothing.u64.gz", gzip(b""), &["byte 0", "empty"]),
        (
            "cut.u64",
            u64_file(&keys)[..801].to_vec(),
            &["byte 800", "record 101", "truncated", "8-byte"],
        ),
        (
            "cut.oracleGeneral",
            oracle_general_file(&keys)[..50].to_vec(),
            &["byte 48", "record 3", "24-byte"],
        ),
        (
            "cut.u64.zst",
            packed[..packed.len() - 5].to_vec(),
            &["truncated zstd", "byte ", "expected a whole"],
        ),
        (
            "cut.u64.gz",
            gzip(&u64_file(&keys))[..60].to_vec(),
            &["truncated gzip", "byte "],
        ),
        (
            "corrupt.u64.zst",
            corrupt,
            &["zstd data", "byte ", "expected"],
        ),
        (
            "corrupt.u64.gz",
            corrupt_gzip,
            &["corrupt gzip", "byte 32000"],
        ),
        (
            "wrong.u64.zst",
            gzip(&u64_file(&keys)),
            &["byte 0", "content is gzip", "expected zstd"],
        ),
        (
            "wrong.u64.gz",
            packed.clone(),
            &["byte 0", "content is zstd", "expected gzip"],
        ),
        (
            "wrong.u64",
            packed,
            &["byte 0", "content is zstd", "expected uncompressed"],
        ),
        (
            "plain.u64.gz",
            u64_file(&keys),
            &["byte 0", "content is uncompressed", "expected gzip"],
        ),
        (
            "trace.bin",
            u64_file(&keys),
            &["byte 0", "`.bin`", ".oracleGeneral"],
        ),
        (
            "trace",
            u64_file(&keys),
            &["byte 0", "no known ending", ".oracleGeneral"],
        ),
        (
            "blank.txt",
            b"1\n\n2\n".to_vec(),
            &["line 2", "blank", "one key a line"],
        ),
        (
            "binary.txt",
            b"1\n\x00\xff\n".to_vec(),
            &["line 2", "not text"],
        ),
        (
            "ragged.csv",
            b"1,2\n3,4\n5\n".to_vec(),
            &["line 3", "1 columns", "expected 2"],
        ),
        (
            "header.csv",
            b"key,size\n".to_vec(),
            &["line 2", "nothing after the header"],
        ),
    ];
    for (name, content, parts) in cases {
        write(folder.path(), name, &content);
        refused(
            folder.path(),
            &["--trace", name, "--json"],
            &[parts, &[name]].concat(),
        );
    }
    refused(
        folder.path(),
        &["--trace", "missing.u64"],
        &["missing.u64", "byte 0", "no such file"],
    );
    std::fs::create_dir(folder.path().join("folder.u64")).unwrap();
    refused(
        folder.path(),
        &["--trace", "folder.u64"],
        &["folder.u64", "byte 0", "cannot be read"],
    );
    write(folder.path(), "t.csv", &csv_file(&keys));
    refused(
        folder.path(),
        &["--trace", "t.csv", "--column", "guild"],
        &["t.csv", "line 1", "`guild`", "time, user"],
    );
}

#[test]
fn bad_arguments_are_refused_in_one_line() {
    let folder = folder();
    write(folder.path(), "t.u64", &u64_file(&keys()));
    for (arguments, parts) in [
        (
            vec!["--trace", "t.u64", "--capacity", "0"],
            vec!["'0'", "1 to 100000000"],
        ),
        (
            vec!["--trace", "t.u64", "--capacity", "10,,20"],
            vec!["''", "1 to 100000000"],
        ),
        (
            vec!["--capacity", "18446744073709551615"],
            vec!["'18446744073709551615'", "1 to 100000000"],
        ),
        (vec!["--threads", "0"], vec!["'0'", "1 to 256"]),
        (vec!["--ttl", "soon"], vec!["'soon'", "1ms to 365days"]),
        (vec!["--duration", "0s"], vec!["'0s'", "100ms to 1day"]),
        (
            vec!["--trace", "t.u64", "--threads", "2"],
            vec!["--threads 2", "expected 1"],
        ),
        (
            vec!["--trace", "t.u64", "--column", "key"],
            vec!["t.u64", "--column", ".csv"],
        ),
        (vec!["--no-such-flag"], vec!["--no-such-flag"]),
    ] {
        refused(folder.path(), &arguments, &parts);
    }
}
