//! The address from the environment, which belongs to a whole process: this test binary starts itself once more.

use std::process::Command;

use tux_cache::CacheSetup;
use tux_cache_test_support::ValkeyServer;

const ROLE: &str = "TUX_TEST_ENVIRONMENT_CHILD";
/// What would break an address if it were written into one as it stands.
const PASSWORD: &str = "p@ss:/?#%25 end ";

#[tokio::test]
#[ignore = "the second process of the test in this file, which starts it"]
async fn child_main() {
    // Run by hand with `--ignored`, there is no first process.
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let setup = CacheSetup::from_env().require_valkey().await.unwrap();
    setup.managers().prefix.set(1_u64, "!").await.unwrap();
    setup.close().await;
}

/// As the original does without `VALKEY_URL`.
#[test]
fn the_address_is_built_from_its_parts() {
    let server = ValkeyServer::builder().requirepass(PASSWORD).start();
    let server = server.expect("a Valkey server");
    let child = |password: &str| {
        let mut child = Command::new(std::env::current_exe().expect("this binary"));
        child
            .args(["--exact", "environment::child_main", "--ignored"])
            .env_remove("VALKEY_URL")
            .env_remove("VALKEY_DB")
            .env("VALKEY_HOST", server.addr().ip().to_string())
            .env("VALKEY_PORT", server.addr().port().to_string())
            .env("VALKEY_PASSWORD", password)
            .env(ROLE, "1");
        child.output().expect("a second process")
    };
    let refused = child("another");
    assert!(!refused.status.success(), "the password is not sent");
    let done = child(PASSWORD);
    assert!(done.status.success(), "{done:?}");
    let found = server.command(&["GET", "tux:prefix:1"]).unwrap();
    assert_eq!(found.text().as_deref(), Some("\"!\""));
}
