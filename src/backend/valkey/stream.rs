//! The byte stream to a server.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::error::describe;
use super::settings::ValkeySettings;
use crate::error::{Error, Result};

/// A byte stream to a server.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// The first of the host's addresses that takes the connection.
pub(super) async fn tcp(settings: &ValkeySettings, host: &str, port: u16) -> Result<TcpStream> {
    let addresses = tokio::net::lookup_host((host, port))
        .await
        .map_err(|error| {
            Error::unavailable(format!(
                "{settings}: the host's name cannot be resolved ({error})"
            ))
            .with_source(error)
        })?;
    let mut attempts = JoinSet::new();
    for address in addresses {
        attempts.spawn(TcpStream::connect(address));
    }
    let mut last = None;
    while let Some(attempt) = attempts.join_next().await {
        match attempt {
            Ok(Ok(stream)) => {
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => last = Some(error),
            Err(_) => {}
        }
    }
    Err(match last {
        Some(error) => describe(settings, error),
        None => Error::unavailable(format!("{settings}: the host's name stands for no address")),
    })
}
