//! The order in which the hand visits the lanes: all of a bucket, then the bucket whose place on the tour is next.

/// Lanes of a bucket.
pub(super) const LANES: usize = 7;

#[derive(Debug)]
pub(super) struct Tour {
    /// The buckets in the order of the tour.
    order: Vec<usize>,
    /// The place of each bucket in that order.
    place: Vec<usize>,
}

impl Tour {
    pub(super) fn new(buckets: usize) -> Self {
        // A bucket's place is its number times the number nearest above 0.618 laps that has no factor in common with the
        // lap, so that neighbours are a golden section apart and no two share a place.
        let step = (buckets * 618 / 1000).max(1);
        let tours = (step..).find_map(|step| {
            let place: Vec<usize> = (0..buckets).map(|bucket| bucket * step % buckets).collect();
            let mut order = vec![usize::MAX; buckets];
            for (bucket, &place) in place.iter().enumerate() {
                order[place] = bucket;
            }
            (!order.contains(&usize::MAX)).then_some(Self { order, place })
        });
        tours.expect("one more than the lap has no factor in common with it")
    }

    pub(super) fn buckets(&self) -> usize {
        self.order.len()
    }

    pub(super) fn lanes(&self) -> usize {
        self.buckets() * LANES
    }

    pub(super) fn next(&self, lane: usize) -> usize {
        if lane % LANES + 1 < LANES {
            return lane + 1;
        }
        let place = self.place[lane / LANES] + 1;
        self.order[place % self.buckets()] * LANES
    }

    /// How many buckets the hand visits before it comes to that of `lane`.
    pub(super) fn ahead(&self, hand: usize, lane: usize) -> usize {
        let (from, to) = (self.place[hand / LANES], self.place[lane / LANES]);
        (to + self.buckets() - from) % self.buckets()
    }
}
