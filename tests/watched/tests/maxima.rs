//! The stated maxima hold. One test alone in its process: threads that use caches meanwhile would put off frees.

use tux_cache_watched::calls::{alone, stated};

#[test]
fn no_call_makes_more_atomic_operations_than_stated() {
    let stated = stated(include_str!("../maxima.json")).unwrap();
    let found = alone();
    let names: Vec<&str> = stated.keys().map(String::as_str).collect();
    assert_eq!(names, found.keys().copied().collect::<Vec<_>>());
    let above: Vec<String> = found
        .iter()
        .filter(|(name, found)| !found.max.within(stated[**name]))
        .map(|(name, found)| format!("{name}: {:?}, stated {:?}", found.max, stated[*name]))
        .collect();
    assert!(
        above.is_empty(),
        "above what is stated; if that is meant, `cargo xtask bench --write-baseline`:\n{}",
        above.join("\n")
    );
}
