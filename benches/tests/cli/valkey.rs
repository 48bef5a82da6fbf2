//! The bot shard on a real server.

use tux_cache_test_support::ValkeyServer;

use super::support::*;

#[test]
fn the_bot_shard_plays_through_valkey_and_leaves_nothing() {
    let folder = folder();
    let server = ValkeyServer::start().expect("a server");
    let url = server.url();
    let arguments = [
        "--valkey",
        &url,
        "--duration",
        "300ms",
        "--threads",
        "2",
        "--json",
    ];
    let document = document(&replay(folder.path(), &arguments));
    assert_eq!(document["workload"], "bot-shard-valkey");
    assert!(document["hit_ratio"].as_f64().unwrap() > 0.1, "{document}");
    assert_eq!(
        document["lookups"].as_u64().unwrap(),
        document["messages"].as_u64().unwrap() * 4
    );
    let left = server.command(&["DBSIZE"]).expect("an answer");
    assert_eq!(format!("{left:?}"), "Integer(0)");
}

#[test]
fn a_server_that_is_not_there_is_bad_input() {
    let folder = folder();
    refused(
        folder.path(),
        &["--valkey", "valkey://127.0.0.1:1/0"],
        &["--valkey", "127.0.0.1:1"],
    );
    refused(
        folder.path(),
        &["--valkey", "nowhere"],
        &["--valkey", "expected valkey://"],
    );
    refused(
        folder.path(),
        &["--valkey", "valkey://u:secret@127.0.0.1:1/0"],
        &["127.0.0.1:1"],
    );
    let output = replay(
        folder.path(),
        &["--valkey", "valkey://u:secret@127.0.0.1:1/0"],
    );
    assert!(!String::from_utf8_lossy(&output.stderr).contains("secret"));
}
