//! The checker finds what it should, and nothing else.

use super::check;

#[track_caller]
fn breaks(file: &str, text: &str, named: &str) {
    let broken = check(file, text);
    assert!(
        broken
            .iter()
            .any(|line| line.contains(&format!("`{named}`"))),
        "{broken:?}"
    );
}

#[track_caller]
fn keeps(file: &str, text: &str) {
    assert_eq!(check(file, text), Vec::<String>::new());
}

#[test]
fn sees_std_sync_however_it_is_spelled() {
    breaks(
        "engine/table/mod.rs",
        "use std::sync::atomic::AtomicU64;",
        "std::sync::atomic::AtomicU64",
    );
    breaks(
        "engine/table/mod.rs",
        "use std::{fmt, sync::Arc};",
        "std::sync::Arc",
    );
    breaks(
        "single_flight/flight.rs",
        "use std::{fmt, thread};",
        "std::thread",
    );
    breaks(
        "single_flight/flight.rs",
        "fn f() { ::std::thread::yield_now() }",
        "std::thread::yield_now",
    );
    breaks(
        "engine/policy/mod.rs",
        "fn f(t: std::time::Instant) {}",
        "std::time::Instant",
    );
    breaks("engine/policy/mod.rs", "use std::time::*;", "std::time::*");
    breaks(
        "engine.rs",
        "use std::{sync::{self, Arc}};",
        "std::sync::self",
    );
}

#[test]
fn sees_upper_layers_runtimes_and_servers() {
    breaks(
        "engine/api/cache.rs",
        "use tokio::sync::Notify;",
        "tokio::sync::Notify",
    );
    breaks(
        "time/mod.rs",
        "fn f() -> serde_json::Value { todo() }",
        "serde_json::Value",
    );
    breaks(
        "sync/std.rs",
        "use crate::engine::Table;",
        "crate::engine::Table",
    );
    breaks(
        "single_flight/group.rs",
        "use crate::{engine::lease::Lease, time};",
        "crate::engine::lease::Lease",
    );
    breaks(
        "backend/memory.rs",
        "use crate::service::CacheService;",
        "crate::service::CacheService",
    );
    breaks(
        "managers/prefix.rs",
        "fn f(c: redis::Client) {}",
        "redis::Client",
    );
    breaks(
        "typed/fetch.rs",
        "use crate::managers::PrefixCache;",
        "crate::managers::PrefixCache",
    );
    breaks(
        "backend/memory.rs",
        "use crate::typed::Tier;",
        "crate::typed::Tier",
    );
    breaks("backend/near/mod.rs", "use redis::Value;", "redis::Value");
    breaks(
        "error.rs",
        "impl From<redis::RedisError> for E {}",
        "redis::RedisError",
    );
    breaks(
        "managers/prefix.rs",
        "use crate::service::X;",
        "crate::service::X",
    );
}

#[test]
fn sees_a_lock_in_the_engine() {
    breaks(
        "engine/policy/ghosts.rs",
        "use crate::sync::{AtomicU8, Mutex};",
        "crate::sync::Mutex",
    );
    breaks(
        "engine/policy/ghosts.rs",
        "struct G { m: RwLock<u8> }",
        "RwLock",
    );
    breaks(
        "engine/policy/ghosts.rs",
        "m!(let x = Mutex::new(1));",
        "Mutex::new",
    );
    keeps(
        "single_flight/flight.rs",
        "use crate::sync::{Condvar, Mutex};",
    );
}

#[test]
fn lets_comments_strings_tests_and_own_names_be() {
    keeps(
        "engine/table/mod.rs",
        "//! Unlike std::sync::Mutex.\n/* tokio */ const S: &str = \"redis\";",
    );
    keeps(
        "engine/table/mod.rs",
        "#[cfg(test)] mod tests { use std::sync::Arc; use tokio::x; }",
    );
    keeps(
        "engine/a.rs",
        "#[cfg(all(test, not(tux_loom)))] mod tests { use std::thread; } struct B;",
    );
    keeps(
        "engine/policy/mod.rs",
        "use super::bounded::Instant; fn f(now: Instant) {}",
    );
    keeps(
        "engine/threads/local/mod.rs",
        "fn f() -> bool { std::thread::panicking() }",
    );
    keeps(
        "engine/x.rs",
        "use crate::sync::thread; use std::time::Duration;",
    );
    keeps("backend/valkey/mod.rs", "use redis::Client;");
    keeps("service.rs", "use redis::Client; use crate::managers::X;");
    keeps("engines.rs", "use std::sync::Arc;");
}

#[test]
fn is_not_fooled_by_code_beside_tests() {
    breaks(
        "engine/a.rs",
        "#[cfg(not(test))] use std::sync::Arc;",
        "std::sync::Arc",
    );
    breaks(
        "engine/a.rs",
        "#[cfg(test)] mod tests {} use std::sync::Arc;",
        "std::sync::Arc",
    );
    breaks(
        "engine/a.rs",
        "mod m { #[cfg(test)] use a::b; use std::thread; }",
        "std::thread",
    );
    breaks(
        "engine/a.rs",
        "#[cfg(any(test, fuzzing))] use std::thread;",
        "std::thread",
    );
}
