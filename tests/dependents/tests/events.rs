//! Each supported version of twilight and serenity: no event of theirs is missing from the guide's table.

#![cfg(all(feature = "serenity", feature = "twilight-0-18"))]

#[path = "../../events/table.rs"]
mod table;

use std::path::Path;

#[test]
fn the_table_names_every_event_of_every_supported_version() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here
        .parent()
        .and_then(Path::parent)
        .expect("the repository");
    // With the older versions where they are built anyhow.
    let (features, versions) = match cfg!(feature = "twilight-0-16") {
        true => ("serenity,twilight-0-16,twilight-0-17,twilight-0-18", 4),
        false => ("serenity,twilight-0-18", 2),
    };
    table::check(
        root,
        &here.join("Cargo.toml"),
        &["--features", features],
        versions,
    );
}
