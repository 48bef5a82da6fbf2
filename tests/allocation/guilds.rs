//! A bot that has seen many guilds keeps nothing of those whose entries expired: no entry, no lock, no flight.

use std::convert::Infallible;
use std::ops::Range;
use std::time::Duration;

use tux_cache::backend::InMemoryBackend;
use tux_cache::managers::{GuildConfigUpdate, Managers};
use tux_cache::time::ManualTicker;
use tux_cache_test_support::live_bytes;

use crate::alone;

const TTL: Duration = Duration::from_secs(300);

/// Every manager meets every one of these guilds for the first time, and everything they stored expires.
async fn live_and_leave(
    managers: &Managers,
    backend: &InMemoryBackend,
    ticker: &ManualTicker,
    guilds: Range<u64>,
) {
    for guild in guilds {
        let user = guild + 1;
        let jailed = async move || Ok::<_, Infallible>(guild % 2 == 0);
        let jailed = managers.jail_status.get_or_fetch(guild, user, jailed).await;
        assert_eq!(jailed.unwrap(), guild % 2 == 0);
        let update = GuildConfigUpdate::new().audit_log_id(Some(guild));
        managers.guild_config.set(guild, update).await.unwrap();
        managers
            .prefix
            .set(guild, format!("prefix of guild {guild}"))
            .await
            .unwrap();
        let ranks = &managers.permissions;
        ranks
            .set_user_rank(guild, user, &[7_u64, 5], 3)
            .await
            .unwrap();
        assert_eq!(
            ranks.get_user_rank(guild, user, &[5_u64, 7]).await.unwrap(),
            Some(3)
        );
        if guild % 2_000 == 0 {
            ticker.advance(TTL / 2);
        }
    }
    ticker.advance(2 * TTL);
    backend.sweep();
    assert!(backend.is_empty());
}

#[test]
fn memory_after_many_guilds_is_that_of_the_start() {
    alone(
        "guilds::memory_after_many_guilds_is_that_of_the_start",
        || {
            after(100_000);
        },
    );
}

#[test]
#[ignore = "long: cargo xtask long"]
fn long_memory_after_a_million_guilds_is_that_of_the_start() {
    alone(
        "guilds::long_memory_after_a_million_guilds_is_that_of_the_start",
        || after(1_000_000),
    );
}

fn after(guilds: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(measure(guilds));
}

async fn measure(guilds: u64) {
    let ticker = ManualTicker::new();
    let backend = InMemoryBackend::builder()
        .default_ttl(TTL)
        .max_size(20_000)
        .ticker(ticker.clone())
        .build()
        .unwrap();
    let managers = Managers::new(backend.clone());
    // What a thread and a runtime make once, and the pool of entries, is there from now on.
    let warm_up = 12_000;
    live_and_leave(&managers, &backend, &ticker, 0..warm_up).await;
    let start = live_bytes();
    live_and_leave(&managers, &backend, &ticker, warm_up..warm_up + guilds).await;
    let end = live_bytes();
    println!("{start} bytes at the start, {end} after {guilds} guilds");
    // A byte for each of them is more.
    assert!(
        end <= start + 64 * 1024,
        "{start} bytes at the start, {end} at the end"
    );
}
