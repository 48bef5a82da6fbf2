//! Command prefixes: loaded at the start, changed by a command.

use tux_cache::managers::PrefixCache;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), tux_cache::Error> {
    let prefixes = PrefixCache::in_memory();
    let loaded = prefixes.preload([(1_u64, "!"), (2, "?")]).await?;
    println!("{loaded} prefixes loaded");
    prefixes.set(1_u64, "$").await?;
    let default = async || Ok::<_, std::io::Error>("!");
    for guild in [1_u64, 2, 3] {
        println!(
            "guild {guild}: {}",
            prefixes.get_or_fetch(guild, default).await?
        );
    }
    Ok(())
}
