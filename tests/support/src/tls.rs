//! Throw-away certificate authorities, and TLS in front of a server that speaks none.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use crate::fault_proxy::{BlockOnOutside, proxy_runtime};

/// A certificate authority made for one test; another one is the "wrong CA".
pub struct TestCa {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl std::fmt::Debug for TestCa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestCa").finish_non_exhaustive()
    }
}

impl TestCa {
    /// Makes an authority with a new key.
    ///
    /// # Panics
    /// When the system gives no randomness.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key pair");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a CA certificate");
        Self { issuer }
    }

    /// The authority's certificate as PEM, for a client's trust store.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A server certificate and its key as PEM, for these host names or addresses.
    ///
    /// # Panics
    /// When a name is no DNS name and no address.
    pub fn server_certificate(&self, names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let params = CertificateParams::new(names).expect("host names or addresses");
        let key = KeyPair::generate().expect("a key pair");
        let certificate = params
            .signed_by(&key, &self.issuer)
            .expect("a server certificate");
        (certificate.pem(), key.serialize_pem())
    }

    /// Writes `ca.pem`, `cert.pem` and `key.pem` for `localhost` and `127.0.0.1` into a folder and
    /// returns their paths in the order certificate, key, CA: what
    /// [`ValkeyServerBuilder::tls`](crate::ValkeyServerBuilder::tls) takes.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write_files(&self, dir: &Path) -> io::Result<(PathBuf, PathBuf, PathBuf)> {
        let (certificate, key) = self.server_certificate(&["localhost", "127.0.0.1"]);
        let paths = (
            dir.join("cert.pem"),
            dir.join("key.pem"),
            dir.join("ca.pem"),
        );
        std::fs::write(&paths.0, certificate)?;
        std::fs::write(&paths.1, key)?;
        std::fs::write(&paths.2, self.pem())?;
        Ok(paths)
    }
}

/// Accepts TLS on a loopback port and passes the plain bytes on.
#[derive(Debug)]
pub struct TlsProxy {
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl TlsProxy {
    /// Starts it with a certificate of this authority for `localhost` and `127.0.0.1`.
    ///
    /// # Errors
    /// When no loopback port or thread is to be had.
    ///
    /// # Panics
    /// Never in practice: the certificate is our own.
    pub fn start(target: SocketAddr, ca: &TestCa) -> io::Result<Self> {
        let (certificate, key) = ca.server_certificate(&["localhost", "127.0.0.1"]);
        let chain = CertificateDer::pem_slice_iter(certificate.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .expect("our own PEM");
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("our own PEM");
        // The provider is named: tests must not depend on, nor set, the process-wide default.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring supports the default versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("our own certificate and key");
        let acceptor = TlsAcceptor::from(Arc::new(config));

        let runtime = proxy_runtime("tls-proxy")?;
        let listener = runtime.block_on_outside(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let _ = client.set_nodelay(true);
                    // A client that refuses our certificate ends here: its own error is what a test looks at.
                    let Ok(mut client) = acceptor.accept(client).await else {
                        return;
                    };
                    let Ok(mut server) = TcpStream::connect(target).await else {
                        return;
                    };
                    let _ = server.set_nodelay(true);
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        Ok(Self {
            address,
            runtime: Some(runtime),
        })
    }

    /// The address clients connect to.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// A URL of this scheme, which the certificate covers: `url("valkeys")` is `valkeys://127.0.0.1:PORT/0`.
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}/0", self.address)
    }
}

impl Drop for TlsProxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
