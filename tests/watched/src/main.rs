//! Prints how many atomic operations each call makes; with `--write` makes the maxima the stated ones.

use std::{collections::BTreeMap, error::Error, path::Path};

use tux_cache_watched::calls::{alone, stated};

fn main() -> Result<(), Box<dyn Error>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("maxima.json");
    let write = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--write") => true,
        Some(other) => return Err(format!("{other}: expected nothing or --write").into()),
    };
    let found = alone();
    let before = std::fs::read_to_string(&file).unwrap_or_default();
    let before = stated(&before).unwrap_or_default();
    println!(
        "{:<22} {:>6} {:>7} {:>5} {:>7} {:>6}  stated before",
        "at most", "loads", "stores", "RMWs", "fences", "mean"
    );
    for (name, summary) in &found {
        let max = summary.max;
        let stated = before.get(*name).map_or_else(String::new, |stated| {
            format!(
                "{} {} {} {}",
                stated.loads, stated.stores, stated.updates, stated.fences
            )
        });
        println!(
            "{name:<22} {:>6} {:>7} {:>5} {:>7} {:>6.1}  {stated}",
            max.loads, max.stores, max.updates, max.fences, summary.mean
        );
    }
    if write {
        let maxima: BTreeMap<_, _> = found
            .iter()
            .map(|(name, found)| (name, found.max))
            .collect();
        std::fs::write(
            &file,
            format!("{}\n", serde_json::to_string_pretty(&maxima)?),
        )?;
        println!("maxima  {}", file.display());
    }
    Ok(())
}
