//! Whose cryptography TLS uses, in a program that has installed none at first. One test: what is installed is the process's.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustls::crypto::{CryptoProvider, GetRandomFailed, SecureRandom};
use tux_cache::ErrorKind;
use tux_cache::backend::{CacheBackend, Json, ValkeyBackend, ValkeySettings};
use tux_cache_test_support::{TestCa, TlsProxy, ValkeyServer};

/// The program's own source of randomness: it tells whether its provider was used.
#[derive(Debug)]
struct Counted(&'static dyn SecureRandom);

static ASKED: AtomicUsize = AtomicUsize::new(0);

impl SecureRandom for Counted {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), GetRandomFailed> {
        ASKED.fetch_add(1, Ordering::Relaxed);
        self.0.fill(buffer)
    }
}

#[tokio::test]
async fn the_programs_provider_then_the_features_and_none_is_installed() {
    let server = ValkeyServer::start().expect("a Valkey server");
    let ca = TestCa::new("right");
    let proxy = TlsProxy::start(server.addr(), &ca).unwrap();
    for scheme in ["rediss", "valkeys"] {
        let settings = ValkeySettings::from_url(&proxy.url(scheme)).unwrap();
        let start = Instant::now();
        let connected = ValkeyBackend::connect(settings.ca_pem(ca.pem())).await;
        if cfg!(any(feature = "tls-ring", feature = "tls-aws-lc")) {
            let valkey = connected.expect("with the feature's provider");
            valkey.set("k", Json::from(1), None).await.unwrap();
        } else {
            let error = connected.expect_err("there is no provider");
            assert_eq!(error.kind(), ErrorKind::Config, "{error}");
            let text = error.to_string();
            for way in ["tls-ring", "install_default"] {
                assert!(text.contains(way), "{text}");
            }
            // The four attempts would take a second.
            let took = start.elapsed();
            assert!(took < Duration::from_millis(700), "tried again: {took:?}");
        }
    }
    // Without TLS nothing is missing.
    let plain = ValkeySettings::from_url(&server.url()).unwrap();
    ValkeyBackend::connect(plain).await.unwrap();

    let mut own = rustls::crypto::ring::default_provider();
    own.secure_random = Box::leak(Box::new(Counted(own.secure_random)));
    assert!(CryptoProvider::get_default().is_none());
    own.install_default()
        .expect("connecting installed a provider for the whole process");
    assert_eq!(ASKED.load(Ordering::Relaxed), 0);
    let settings = ValkeySettings::from_url(&proxy.url("valkeys")).unwrap();
    let valkey = ValkeyBackend::connect(settings.ca_pem(ca.pem()))
        .await
        .expect("with the program's own provider");
    valkey.set("k", Json::from(2), None).await.unwrap();
    assert_ne!(ASKED.load(Ordering::Relaxed), 0, "another provider's");
}
