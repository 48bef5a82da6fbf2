//! Events of the gateway: each removes what it makes wrong and nothing else, and the guide's table names every one there is.

#[path = "events/removals.rs"]
mod removals;
#[path = "events/sends.rs"]
mod sends;
#[path = "events/table.rs"]
mod table;
#[cfg(all(feature = "twilight-model", feature = "serenity"))]
#[path = "events/wire.rs"]
mod wire;

/// The crates that this workspace has; the other versions are looked at by `cargo xtask dependents`.
#[cfg(all(feature = "twilight-model", feature = "serenity"))]
#[test]
fn the_table_names_every_event_of_the_pinned_crates() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    table::check(root, &root.join("Cargo.toml"), &["--all-features"], 2);
}
