//! The order in which the hand visits the slots: all of a bucket, then the bucket whose place in the order is next.

/// Slots of a bucket.
pub(super) const SLOTS: usize = 7;

#[derive(Debug)]
pub(super) struct SweepOrder {
    /// The buckets as they come.
    order: Vec<usize>,
    /// The place of each bucket in that order.
    place: Vec<usize>,
}

impl SweepOrder {
    pub(super) fn new(buckets: usize) -> Self {
        // A bucket's place is its number times the number nearest above 0.618 laps that has no factor in common with the
        // lap, so that neighbours are a golden section apart and no two share a place.
        let step = (buckets * 618 / 1000).max(1);
        let orders = (step..).find_map(|step| {
            let place: Vec<usize> = (0..buckets).map(|bucket| bucket * step % buckets).collect();
            let mut order = vec![usize::MAX; buckets];
            for (bucket, &place) in place.iter().enumerate() {
                order[place] = bucket;
            }
            (!order.contains(&usize::MAX)).then_some(Self { order, place })
        });
        orders.expect("one more than the lap has no factor in common with it")
    }

    pub(super) fn buckets(&self) -> usize {
        self.order.len()
    }

    pub(super) fn slots(&self) -> usize {
        self.buckets() * SLOTS
    }

    pub(super) fn next(&self, slot: usize) -> usize {
        if slot % SLOTS + 1 < SLOTS {
            return slot + 1;
        }
        let place = self.place[slot / SLOTS] + 1;
        self.order[place % self.buckets()] * SLOTS
    }

    /// How many buckets the hand visits before it comes to that of `slot`.
    pub(super) fn ahead(&self, hand: usize, slot: usize) -> usize {
        let (from, to) = (self.place[hand / SLOTS], self.place[slot / SLOTS]);
        (to + self.buckets() - from) % self.buckets()
    }
}
