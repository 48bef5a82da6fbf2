//! Timed passes over items, every answer compared.

use std::time::Instant;

use super::OPERATIONS;

/// Goes through the items again and again, a part of them each time it is called.
pub(super) struct Order<T> {
    pub(super) items: Vec<T>,
    pub(super) from: usize,
}

impl<T> Order<T> {
    /// Calls `body` with stretches of the order until `OPERATIONS` items have come, and times that: ns per item.
    pub(super) fn timed(&mut self, mut body: impl FnMut(&[T])) -> f64 {
        let start = Instant::now();
        let mut left = OPERATIONS;
        while left > 0 {
            let to = (self.from + left).min(self.items.len());
            body(&self.items[self.from..to]);
            left -= to - self.from;
            self.from = if to == self.items.len() { 0 } else { to };
        }
        start.elapsed().as_nanos() as f64 / OPERATIONS as f64
    }
}

/// A timing of `$difference` (bits that should not be set) for each item; it may await what is ready at once.
macro_rules! timing {
    ($items:expr, $item:pat => $difference:expr) => {{
        let mut order = $crate::managers::memory::order::Order {
            items: $items,
            from: 0,
        };
        Box::new(move || {
            let mut wrong: u64 = 0;
            let ns = order.timed(|items| {
                $crate::managers::memory::now(async {
                    for $item in items {
                        wrong |= $difference;
                    }
                });
            });
            $crate::managers::memory::order::right(wrong, ns)
        }) as $crate::managers::timing::Timing
    }};
}

pub(super) fn right(wrong: u64, ns: f64) -> Result<f64, String> {
    if wrong == 0 {
        Ok(ns)
    } else {
        Err("a look-up missed or returned another key's value".into())
    }
}

pub(super) use timing;
