//! The smallest server that Prometheus can scrape.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Who has not said in this time what it wants is not waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of a request's head.
const HEAD: u64 = 8 * 1024;

/// Answers every request with the page, for as long as the listener lives; each in a task of its own.
///
/// # Errors
/// The listener's.
pub async fn serve(
    listener: TcpListener,
    page: impl Fn() -> String + Send + Sync + 'static,
) -> io::Result<()> {
    let page = Arc::new(page);
    loop {
        let (stream, _) = listener.accept().await?;
        let page = Arc::clone(&page);
        tokio::spawn(async move {
            // Who asks for a page and goes away is no reason to stop.
            match timeout(PATIENCE, answer(stream, &*page)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => eprintln!("a scrape was not answered: {error}"),
                Err(_) => eprintln!("a scrape took too long"),
            }
        });
    }
}

async fn answer(mut stream: TcpStream, page: impl Fn() -> String) -> io::Result<()> {
    let (reading, mut writing) = stream.split();
    let mut reading = BufReader::new(reading.take(HEAD));
    let mut line = String::new();
    // To the end of the head: an empty line.
    while reading.read_line(&mut line).await? > 0 && !line.trim_end().is_empty() {
        line.clear();
    }
    let page = page();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        page.len()
    );
    writing.write_all(head.as_bytes()).await?;
    writing.write_all(page.as_bytes()).await?;
    writing.shutdown().await
}
