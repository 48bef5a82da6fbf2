//! No value, and of an address nothing but host, port and database, in an error, a log or `Debug`.

use std::time::Duration;

use tux_cache::backend::{Backend, CacheBackend, KeyRef, ValkeyBackend, ValkeySettings};
use tux_cache::{CacheSetup, Error};
use tux_cache_test_support::json;
use tux_cache_test_support::{Fault, FaultProxy, ValkeyServer};

use crate::common::*;
use crate::setup::Log;

/// Every way an error is shown, down to its last source.
fn shown(error: &Error) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text += &format!(" {error} {error:?}");
        source = error.source();
    }
    text
}

#[tokio::test]
async fn an_address_is_host_port_and_database() {
    install_provider();
    let server = ValkeyServer::builder()
        .acl("hunter2user on >hunter2pass ~* +@all")
        .start()
        .unwrap();
    let (addr, log) = (server.addr(), Log::default());
    let guard = tracing::subscriber::set_default(log.clone());
    for url in [
        format!("valkey://hunter2@{addr}"),
        format!("valkey://hunter2:hunter2@{addr}"),
        format!("valkey://{addr}/hunter2"),
        format!("valkey://{addr}?hunter2"),
        format!("valkey://{addr}?hunter2=hunter2"),
        format!("valkey://{addr}?username=hunter2&password=hunter2"),
        format!("valkey://{addr}?db=hunter2"),
        format!("rediss://{addr}?ssl_ca_certs=/hunter2"),
        format!("hunter2:hunter2@{addr}"),
        format!("hunter2://{addr}"),
        format!("valkey://{addr}#hunter2"),
        format!("valkey://hunter2user:hunter2pass@{addr}"),
    ] {
        match ValkeySettings::from_url(&url) {
            Err(error) => assert!(!shown(&error).contains("hunter2"), "{}", shown(&error)),
            Ok(settings) => {
                let text = format!("{settings} {settings:?}");
                assert!(!text.contains("hunter2"), "{text}");
                match ValkeyBackend::connect(settings.connect_attempts(1)).await {
                    Err(error) => assert!(!shown(&error).contains("hunter2"), "{}", shown(&error)),
                    Ok(backend) => assert!(!format!("{backend:?}").contains("hunter2")),
                }
            }
        }
        let setup = CacheSetup::builder().url(&url).leave_shared().await;
        assert!(!format!("{setup:?}").contains("hunter2"), "{setup:?}");
        if let Err(error) = setup.require_valkey() {
            assert!(!shown(&error).contains("hunter2"), "{}", shown(&error));
        }
    }
    drop(guard);
    assert!(!log.text().contains("hunter2"), "{}", log.text());
    assert!(log.text().contains(&addr.to_string()), "{}", log.text());
}

/// A server that knows fewer commands names what it was sent.
#[tokio::test]
async fn a_server_that_repeats_a_request_is_not_repeated() {
    let mut builder = ValkeyServer::builder();
    for command in ["EVAL", "EVALSHA", "SET", "SETEX", "UNLINK"] {
        builder = builder.rename_command(command, "");
    }
    let server = builder.start().unwrap();
    let log = Log::default();
    let guard = tracing::subscriber::set_default(log.clone());
    let b = backend(&server.url()).await;
    let key = KeyRef::GuildConfig { guild: 1 };
    let secret = || json!("hunter2");
    let minute = Some(Duration::from_secs(60));
    let errors = [
        b.set("k", secret(), None).await.unwrap_err(),
        b.set("k", secret(), minute).await.unwrap_err(),
        b.set_many(&[("k", secret(), minute)]).await.unwrap_err(),
        b.put_leased(b.lease(key), key, secret().into(), None)
            .await
            .unwrap_err(),
        b.update(key, None, |_| secret().into()).await.unwrap_err(),
        b.delete("k").await.unwrap_err(),
    ];
    for error in errors {
        let text = shown(&error);
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("unknown command"), "{text}");
    }
    let valkey = connect(&server.url()).await;
    for error in [
        CacheBackend::compare_and_set(&valkey, "k", Some(&secret()), secret(), None)
            .await
            .unwrap_err(),
        CacheBackend::compare_and_delete(&valkey, "k", &secret())
            .await
            .unwrap_err(),
    ] {
        assert!(!shown(&error).contains("hunter2"), "{}", shown(&error));
    }
    drop(guard);
    assert!(!log.text().contains("hunter2"), "{}", log.text());
}

/// Values that are on their way, or wait to be taken back, when something fails.
#[tokio::test]
async fn what_fails_on_the_way_shows_no_value() {
    let server = ValkeyServer::builder()
        .acl("hunter2user on >hunter2pass ~tux:* +@all")
        .start()
        .unwrap();
    let proxy = FaultProxy::start(&server).unwrap();
    let log = Log::default();
    let guard = tracing::subscriber::set_default(log.clone());
    let valkey = connect(&format!(
        "valkey://hunter2user:hunter2pass@{}",
        proxy.addr()
    ))
    .await;
    let b = Backend::from(valkey.clone());
    let key = KeyRef::GuildConfig { guild: 1 };
    let value = || tux_cache::backend::Value::from_json(json!("hunter2"));
    assert!(!format!("{:?}", value()).contains("hunter2"));
    b.put_value(key, value(), None).await.unwrap();
    let snapshot = b.snapshot(key).await.unwrap();
    assert!(!format!("{snapshot:?}").contains("hunter2"), "{snapshot:?}");
    log.listen_anew();
    server
        .command(&["ACL", "SETUSER", "hunter2user", "resetkeys", "~none"])
        .unwrap();
    let mut errors = vec![
        b.put_leased(b.lease(key), key, value(), None)
            .await
            .unwrap_err(),
        b.put_value(key, value(), None).await.unwrap_err(),
        b.commit(key, snapshot, value(), None).await.unwrap_err(),
        b.remove(key).await.unwrap_err(),
    ];
    log.listen_anew();
    proxy.set(Fault::HalfOpen);
    let other = KeyRef::GuildConfig { guild: 2 };
    let lost = b.put_leased(b.lease(other), other, value(), None).await;
    errors.push(lost.unwrap_err());
    proxy.set(Fault::Pass);
    until(
        "the removal is refused",
        Duration::from_secs(4),
        async || valkey.is_connected() && valkey.stats().retries_refused > 0,
    )
    .await;
    errors.push(b.put_value(key, value(), None).await.unwrap_err());
    for error in errors {
        assert!(!shown(&error).contains("hunter2"), "{}", shown(&error));
    }
    drop(guard);
    assert!(log.text().contains("tux:guild_config:1"), "{}", log.text());
    assert!(!log.text().contains("hunter2"), "{}", log.text());
}
