//! What rustls offers to a program that brings one provider and installs none.

#![cfg(feature = "rustls")]

use rustls::{ClientConfig, DEFAULT_VERSIONS, RootCertStore, version};

#[test]
fn the_only_provider_of_the_program_is_the_default() {
    // A panic where crates of the program bring different ones.
    let config = ClientConfig::builder()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    assert!(!config.crypto_provider().cipher_suites.is_empty());
    // `tls12` was not asked for.
    assert_eq!(DEFAULT_VERSIONS, [&version::TLS13]);
}
