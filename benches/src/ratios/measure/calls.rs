//! One thread's calls, timed.

use std::time::Instant;

use super::{
    Timing,
    keys::{OPERATIONS, Order, differences, filled, key, right, shuffled, value_of, warm_up},
};
use crate::peers::{Bound, Papaya, Peer, Tux};

pub(super) fn hit<C: Peer<u64, u64> + 'static>(size: usize) -> Result<Timing, String> {
    let (cache, keys) = filled::<C>(size)?;
    let mut order = Order::new(keys);
    Ok(Box::new(move || {
        let mut wrong = 0;
        let ns = order.timed(|keys| wrong |= differences(keys, |key| cache.get(key)));
        right(wrong, ns)
    }))
}

pub(super) fn pin_tux(size: usize) -> Result<Timing, String> {
    let (cache, keys) = filled::<Tux<u64, u64>>(size)?;
    let mut order = Order::new(keys);
    Ok(Box::new(move || {
        let mut wrong = 0;
        let ns = order.timed(|keys| {
            for four in keys.chunks(4) {
                let view = cache.0.pin();
                wrong |= differences(four, |key| view.get(key).copied());
            }
        });
        right(wrong, ns)
    }))
}

pub(super) fn pin_papaya(size: usize) -> Result<Timing, String> {
    let (cache, keys) = filled::<Papaya<u64, u64>>(size)?;
    let mut order = Order::new(keys);
    Ok(Box::new(move || {
        let mut wrong = 0;
        let ns = order.timed(|keys| {
            for four in keys.chunks(4) {
                let view = cache.0.pin();
                wrong |= differences(four, |key| view.get(key).copied());
            }
        });
        right(wrong, ns)
    }))
}

/// A [`Bound`] with so many keys, and the order of look-ups.
fn bound<B: Bound>(size: usize) -> Result<(B, Order), String> {
    let keys: Vec<u64> = (0..size as u64).map(key).collect();
    let table = B::of(keys.iter().map(|&key| (key, value_of(key))))?;
    Ok((table, Order::new(shuffled(keys, size))))
}

pub(super) fn bound_hit<B: Bound + 'static>(size: usize) -> Result<Timing, String> {
    let (table, mut order) = bound::<B>(size)?;
    Ok(Box::new(move || {
        let mut wrong = 0;
        let ns = order.timed(|keys| {
            wrong |= differences(keys, |key| table.inside(|| table.get_inside(key)));
        });
        right(wrong, ns)
    }))
}

pub(super) fn bound_pin<B: Bound + 'static>(size: usize) -> Result<Timing, String> {
    let (table, mut order) = bound::<B>(size)?;
    Ok(Box::new(move || {
        let mut wrong = 0;
        let ns = order.timed(|keys| {
            for four in keys.chunks(4) {
                wrong |= table.inside(|| differences(four, |key| table.get_inside(key)));
            }
        });
        right(wrong, ns)
    }))
}

pub(super) fn insert<C: Peer<u64, u64> + 'static>(
    size: usize,
    bounded: bool,
) -> Result<Timing, String> {
    let (cache, _) = filled::<C>(size)?;
    let mut next = size as u64;
    Ok(Box::new(move || {
        let mut stretch = || {
            for number in next..next + OPERATIONS as u64 {
                cache.set(key(number), value_of(key(number)));
                if !bounded {
                    cache.remove(&key(number - size as u64));
                }
            }
            next += OPERATIONS as u64;
        };
        warm_up(&mut stretch);
        let start = Instant::now();
        stretch();
        let ns = start.elapsed().as_nanos() as f64 / OPERATIONS as f64;
        match cache.len() {
            // Sharded caches may hold a little less than they may.
            Some(len) if len > size || len < size * 4 / 5 => {
                Err(format!("holds {len} of {size} entries"))
            }
            _ => Ok(ns),
        }
    }))
}

pub(super) fn overwrite<C: Peer<u64, u64> + 'static>(size: usize) -> Result<Timing, String> {
    let (cache, keys) = filled::<C>(size)?;
    let (mut order, mut turn) = (Order::new(keys), 0);
    Ok(Box::new(move || {
        turn += 1;
        let ns = order.timed(|keys| {
            keys.iter()
                .for_each(|key| cache.set(*key, value_of(*key) ^ turn))
        });
        let last = (order.from + order.keys.len() - 1) % order.keys.len();
        let key = order.keys[last];
        // moka and mini-moka may refuse a write to a key they have just evicted; others must show it.
        match cache.get(&key) {
            Some(value) if value != value_of(key) ^ turn => Err(format!("{key} kept an old value")),
            _ => Ok(ns),
        }
    }))
}
