//! From an address to a connection: the byte stream, the greeting, and only then the transport's connection.
//!
//! The stream and the greeting are ours, for three reasons: a server that answers the greeting with a refusal and
//! closes is heard (written to, it is a broken pipe); what the server is ([`Greeting`](super::greeting::Greeting))
//! is known before anything else is asked; and TLS takes a configuration of its own, where the transport would
//! take the process-wide one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ProtocolVersion, RedisConnectionInfo};
use tokio::net::UnixStream;
use tokio::task::AbortHandle;
use tokio_rustls::TlsConnector;

use super::error::{describe, translate};
use super::greeting::{self, Greeting};
use super::settings::{ServerAddress, ValkeySettings};
use super::stream::{Stream, tcp};
use super::tls;
use crate::error::{Error, Result};

/// Makes connections; TLS is set up once.
pub(super) struct Connector {
    tls: Option<TlsConnector>,
}

/// A connection with the task that drives it, and what the server said of itself.
pub(super) struct Connected {
    pub(super) connection: MultiplexedConnection,
    pub(super) driver: Arc<Driver>,
    pub(super) greeting: Greeting,
}

/// The task of a connection; it ends with the last holder.
pub(super) struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How far an attempt has come: what is said when its time is over.
#[derive(Default)]
pub(super) struct Progress(AtomicU8);

impl Progress {
    /// Connected and greeted.
    pub(super) fn answered() -> Self {
        Self(AtomicU8::new(2))
    }

    fn reach(&self, step: u8) {
        self.0.store(step, Ordering::Relaxed);
    }

    /// The attempt took too long.
    pub(super) fn too_slow(&self, settings: &ValkeySettings) -> Error {
        let limit = settings.connect_timeout;
        let what = match (self.0.load(Ordering::Relaxed), &settings.address) {
            (0, _) => "no connection",
            (1, ServerAddress::Tls { .. }) => {
                "the host took the connection, but no TLS handshake followed: does the server speak TLS there?"
            }
            _ => "the host took the connection, but the server did not answer",
        };
        Error::timeout(format!("{settings}: {what} (within {limit:?})"))
    }
}

impl Connector {
    /// Connects nowhere yet. Reads the certificates that TLS trusts, which can block for some milliseconds.
    pub(super) fn new(settings: &ValkeySettings) -> Result<Self> {
        let tls = match settings.address {
            ServerAddress::Tls { .. } => Some(tls::connector(settings)?),
            _ => None,
        };
        Ok(Self { tls })
    }

    /// One attempt, which its caller gives its time: resolves the name anew, connects, greets.
    pub(super) async fn connect(
        &self,
        settings: &ValkeySettings,
        config: AsyncConnectionConfig,
        progress: &Progress,
    ) -> Result<Connected> {
        let mut stream: Box<dyn Stream> = match &settings.address {
            ServerAddress::Unix(path) => {
                let stream = UnixStream::connect(path).await;
                Box::new(stream.map_err(|error| describe(settings, error))?)
            }
            ServerAddress::Tcp { host, port } => Box::new(tcp(settings, host, *port).await?),
            ServerAddress::Tls { host, port } => {
                let stream = tcp(settings, host, *port).await?;
                progress.reach(1);
                let connector = self.tls.as_ref().ok_or_else(|| {
                    Error::config(format!("{settings}: TLS was not set up for this address"))
                })?;
                Box::new(tls::handshake(settings, connector, stream).await?)
            }
        };
        progress.reach(2);
        let greeting = greeting::greet(settings, &mut stream).await?;
        // Logged in already, and the database is chosen.
        let info = RedisConnectionInfo::default()
            .set_protocol(ProtocolVersion::RESP3)
            .set_lib_name("tux-cache", env!("CARGO_PKG_VERSION"));
        let (connection, driver) = MultiplexedConnection::new_with_config(&info, stream, config)
            .await
            .map_err(|error| translate(settings, error))?;
        let driver = Arc::new(Driver(tokio::spawn(driver).abort_handle()));
        Ok(Connected {
            connection,
            driver,
            greeting,
        })
    }
}
