//! TLS with a configuration of our own: nothing of the process is changed, and no feature of rustls is switched on that
//! others would notice. The cryptography is that of the program's installed provider, else that of our `tls-…` features.

use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::settings::{ServerAddress, ValkeySettings};
use super::stream::tcp;
use crate::error::{Error, ErrorKind, Result};

/// A server that has not answered the handshake by now is asked in plain whether it is one that never will.
const SILENT: Duration = Duration::from_millis(250);

pub(super) fn connector(settings: &ValkeySettings) -> Result<TlsConnector> {
    let config = ClientConfig::builder_with_provider(provider()?)
        .with_safe_default_protocol_versions()
        .map_err(|error| {
            Error::config("the program's TLS provider has no usable protocol version")
                .with_source(error)
        })?
        .with_root_certificates(roots(settings)?)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The provider that the program has installed, else that of our features. None is installed here.
fn provider() -> Result<Arc<CryptoProvider>> {
    if let Some(installed) = CryptoProvider::get_default() {
        return Ok(Arc::clone(installed));
    }
    let ours = OURS.first().map(|provider| Arc::new(provider()));
    ours.ok_or_else(|| {
        Error::config(
            "TLS needs a crypto provider: switch on the feature tls-ring or tls-aws-lc of tux-cache, or install one in the program before connecting (rustls::crypto::CryptoProvider::install_default)",
        )
    })
}

/// What our features bring, the first choice first.
const OURS: &[fn() -> CryptoProvider] = &[
    #[cfg(feature = "tls-ring")]
    rustls::crypto::ring::default_provider,
    #[cfg(feature = "tls-aws-lc")]
    rustls::crypto::aws_lc_rs::default_provider,
];

/// The certificates that are trusted: those given, else those of the system.
fn roots(settings: &ValkeySettings) -> Result<RootCertStore> {
    let given = match (&settings.ca_pem, &settings.ca_file) {
        (Some(pem), _) => Some(pem.clone()),
        (None, Some(file)) => Some(std::fs::read(file).map_err(|error| {
            Error::config(format!(
                "the file named by ssl_ca_certs cannot be read ({error})"
            ))
            .with_source(error)
        })?),
        (None, None) => None,
    };
    let mut roots = RootCertStore::empty();
    let Some(pem) = given else {
        let system = rustls_native_certs::load_native_certs();
        let (added, _) = roots.add_parsable_certificates(system.certs);
        if added == 0 {
            return Err(Error::config(
                "TLS: the system has no certificates to trust; give the server's CA (ssl_ca_certs in the URL, or ca_pem)",
            ));
        }
        return Ok(roots);
    };
    let unusable = || Error::config("the CA given for TLS holds no usable PEM certificate");
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|_| unusable())?;
        roots.add(certificate).map_err(|_| unusable())?;
    }
    if roots.is_empty() {
        return Err(unusable());
    }
    Ok(roots)
}

pub(super) async fn handshake(
    settings: &ValkeySettings,
    connector: &TlsConnector,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>> {
    let (ServerAddress::Tls { host, port } | ServerAddress::Tcp { host, port }) = &settings.address
    else {
        return Err(Error::config("TLS over a socket file is not supported"));
    };
    let name = ServerName::try_from(host.clone()).map_err(|_| {
        Error::config(format!(
            "{settings}: the host is no name that a certificate can have"
        ))
    })?;
    let handshake = connector.connect(name, stream);
    tokio::pin!(handshake);
    let plain = async {
        tokio::time::sleep(SILENT).await;
        speaks_plain(settings, host, *port).await
    };
    tokio::select! {
        done = &mut handshake => return done.map_err(|error| failed(settings, error)),
        plain = plain => if plain {
            return Err(plain_server(settings));
        }
    }
    handshake.await.map_err(|error| failed(settings, error))
}

fn plain_server(settings: &ValkeySettings) -> Error {
    Error::config(format!(
        "{settings}: the server does not speak TLS there; write valkey:// or redis://, or give its TLS port"
    ))
}

/// Whether a server answers a PING that is not encrypted. Nothing else is sent to it.
async fn speaks_plain(settings: &ValkeySettings, host: &str, port: u16) -> bool {
    let ask = async {
        let mut stream = tcp(settings, host, port).await.ok()?;
        stream.write_all(b"PING\r\n").await.ok()?;
        stream.read_u8().await.ok()
    };
    matches!(ask.await, Some(b'+' | b'-'))
}

fn failed(settings: &ValkeySettings, error: std::io::Error) -> Error {
    let theirs = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match theirs {
        // It answered, but not in TLS.
        Some(rustls::Error::InvalidMessage(_)) => plain_server(settings),
        Some(rustls::Error::InvalidCertificate(why)) => Error::new(
            ErrorKind::Auth,
            format!(
                "{settings}: the server's certificate is not trusted ({why}); its CA can be given (ssl_ca_certs in the URL, or ca_pem)"
            ),
        ),
        Some(theirs) => Error::new(
            ErrorKind::Unavailable,
            format!("{settings}: the TLS handshake failed ({theirs})"),
        ),
        None => Error::unavailable(format!(
            "{settings}: the connection ended during the TLS handshake ({error}); does the server speak TLS there?"
        )),
    }
    .with_source(error)
}
