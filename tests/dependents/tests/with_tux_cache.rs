//! The library is really in the program, and its numbers are still of any size.

#![cfg(feature = "tux-cache")]

use std::time::Duration;

use tux_cache::backend::{Backend, InMemoryBackend, Json};
use tux_cache::managers::GuildConfigCacheManager;

#[test]
fn it_keeps_numbers_of_any_size_and_the_order_of_names() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let memory = InMemoryBackend::new(Duration::from_secs(300), Some(10));
    let backend = Backend::from(memory);
    let text = r#"{"z":123456789012345678901234567890,"audit_log_id":1,"a":1e+400}"#;
    let json: Json = text.parse().unwrap();
    runtime.block_on(async {
        backend.set("guild_config:7", json, None).await.unwrap();
        let found = backend.get("guild_config:7").await.unwrap().unwrap();
        assert_eq!(found.to_string(), text);
        let configs = GuildConfigCacheManager::new(backend);
        let config = configs.get(7_u64).await.unwrap().unwrap();
        assert_eq!(config.audit_log_id, Some(1));
    });
}
