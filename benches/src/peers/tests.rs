//! One suite for every cache.

use super::*;

fn keeps_and_drops<C: Peer<u64, u64>>(name: &str) {
    let cache = C::new(1_000, None).unwrap();
    for key in 0..500 {
        cache.set(key, key * 3);
    }
    // TinyUFO's admission and moka's put-off upkeep may refuse a few even here.
    let kept = (0..500)
        .filter(|key| cache.get(key) == Some(key * 3))
        .count();
    assert!(kept >= 450, "{name} kept {kept} of 500");
    assert!(
        (0..500).all(|key| cache.get(&key).is_none_or(|value| value == key * 3)),
        "{name}"
    );
    cache.set(7, 1);
    assert_eq!(cache.get(&7), Some(1), "{name} overwrites");
    cache.remove(&7);
    assert_eq!(cache.get(&7), None, "{name} removes");
    for key in 1_000..20_000 {
        cache.set(key, key);
    }
    if let Some(len) = cache.len() {
        assert!((1..=1_000).contains(&len), "{name} holds {len}");
    }
    cache.set_for(5, 6, Duration::from_secs(60));
    assert_eq!(cache.get(&5), Some(6), "{name}");
}

#[test]
fn every_contender_keeps_and_drops() {
    for contender in Contender::ALL {
        with_contender!(contender, <u64, u64>, C => keeps_and_drops::<C>(contender.name()));
    }
}

#[test]
fn names_differ() {
    let names: std::collections::HashSet<_> = Contender::ALL
        .iter()
        .map(|contender| contender.name())
        .collect();
    assert_eq!(names.len(), Contender::ALL.len());
}

#[test]
fn tux_counts() {
    let cache = <Tux<u64, u64> as Peer<u64, u64>>::new(10, Some(Duration::from_secs(60))).unwrap();
    cache.set(1, 1);
    Peer::get(&cache, &1);
    Peer::get(&cache, &2);
    let counters = cache.counters().unwrap();
    assert_eq!((counters.hits, counters.misses), (1, 1));
}
