//! The code of `README.md`.

struct Database;

impl Database {
    fn name_of(&self, user: u64) -> String {
        format!("user {user}")
    }
}

#[test]
#[rustfmt::skip]
fn the_readme_does_what_it_says() {
    let (guild, user, database) = (1_u64, 2_u64, Database);
    let names = tux_cache::TtlCache::new(std::time::Duration::from_secs(1), 10);
use std::time::Duration;
use tux_cache::TtlCache;

let ranks = TtlCache::new(Duration::from_secs(300), 10_000);
ranks.set((guild, user), 7_u8);
let rank = ranks.get(&(guild, user));                                  // Some(7): no lock, no clock read, no write
let name = names.get_or_fetch(user, || database.name_of(user));        // one fetch per key, however many threads ask
    assert_eq!((rank, name.as_str()), (Some(7), "user 2"));
}
