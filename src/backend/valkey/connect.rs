//! The transport's client for our settings.

use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion};
use redis::{RedisConnectionInfo, TlsCertificates, io::tcp::TcpSettings};

use super::fault::translate;
use super::settings::{Address, ValkeySettings};
use crate::error::{Error, Result};

/// A client; connects nowhere yet.
pub(super) fn client(settings: &ValkeySettings) -> Result<Client> {
    let addr = match &settings.address {
        Address::Tcp { host, port } => ConnectionAddr::Tcp(host.clone(), *port),
        Address::Tls { host, port } => ConnectionAddr::TcpTls {
            host: host.clone(),
            port: *port,
            insecure: false,
            tls_params: None,
        },
        Address::Unix(path) => ConnectionAddr::Unix(path.clone()),
    };
    let mut login = RedisConnectionInfo::default()
        .set_db(settings.db.into())
        .set_protocol(ProtocolVersion::RESP3)
        .set_lib_name("tux-cache", env!("CARGO_PKG_VERSION"));
    if let Some(user) = &settings.user {
        login = login.set_username(user);
    }
    if let Some(password) = &settings.password {
        login = login.set_password(password);
    }
    let info: ConnectionInfo = addr
        .into_connection_info()
        .map_err(|error| translate(settings, error))?
        .set_tcp_settings(TcpSettings::default().set_nodelay(true))
        .set_redis_settings(login);
    if !matches!(settings.address, Address::Tls { .. }) {
        return Client::open(info).map_err(|error| translate(settings, error));
    }
    // Chosen here and not left to the build's features: with two providers in one program rustls would
    // panic. A program that has installed its own keeps it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let root_cert = match (&settings.ca_pem, &settings.ca_file) {
        (Some(pem), _) => Some(pem.clone()),
        (None, Some(file)) => Some(std::fs::read(file).map_err(|error| {
            Error::config(format!("cannot read ssl_ca_certs {}", file.display())).with_source(error)
        })?),
        (None, None) => None,
    };
    if let Some(pem) = &root_cert
        && !pem.windows(11).any(|window| window == b"BEGIN CERTI")
    {
        return Err(Error::config(
            "the CA given for TLS holds no PEM certificate",
        ));
    }
    let certificates = TlsCertificates {
        client_tls: None,
        root_cert,
    };
    if certificates.root_cert.is_none() {
        return Client::open(info).map_err(|error| translate(settings, error));
    }
    Client::build_with_tls(info, certificates)
        .map_err(|error| Error::config("the CA given for TLS is not usable").with_source(error))
}
