//! `cargo run -p tux-cache-dashboard -- metrics` (or `opentelemetry`, or `prometheus-client`): a bot's caches, and their numbers on
//! `http://127.0.0.1:9464/metrics`.

use std::io;

use tokio::net::TcpListener;
use tux_cache::CacheSetup;
use tux_cache::metrics::Sources;
use tux_cache_dashboard::{facade, open_telemetry, prometheus, serve};

const ADDRESS: &str = "127.0.0.1:9464";

#[tokio::main]
async fn main() -> io::Result<()> {
    let setup = CacheSetup::from_env().await;
    let prefixes = &setup.managers().prefix;
    for guild in [1_u64, 2, 1] {
        let load = async || Ok::<_, io::Error>("!".to_owned());
        prefixes
            .get_or_fetch(guild, load)
            .await
            .map_err(io::Error::other)?;
    }
    let sources = Sources::new().add("", setup.clone());
    let listener = TcpListener::bind(ADDRESS).await?;
    println!("http://{ADDRESS}/metrics");
    match std::env::args().nth(1).as_deref() {
        None | Some("metrics") => serve(listener, facade::page(sources)).await,
        Some("opentelemetry") => serve(listener, open_telemetry::page(sources)).await,
        Some("prometheus-client") => serve(listener, prometheus::page(sources)).await,
        Some(other) => Err(io::Error::other(format!(
            "{other:?} is none of metrics, opentelemetry, prometheus-client"
        ))),
    }
}
