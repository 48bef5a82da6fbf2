//! The smallest server that Prometheus can scrape.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Answers every request with the page, for as long as the listener lives.
///
/// # Errors
/// The listener's.
pub async fn serve(listener: TcpListener, page: impl Fn() -> String) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        // Who asks for a page and goes away is no reason to stop.
        if let Err(error) = answer(stream, &page).await {
            eprintln!("a scrape was not answered: {error}");
        }
    }
}

async fn answer(stream: TcpStream, page: impl Fn() -> String) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    // To the end of the head: an empty line.
    while stream.read_line(&mut line).await? > 0 && !line.trim_end().is_empty() {
        line.clear();
    }
    let page = page();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        page.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(page.as_bytes()).await?;
    stream.shutdown().await
}
