//! Watching a key without the right to publish it.

use super::{Lease, LeaseTable};
use crate::sync::{Ordering, StdArc as Arc, dekker_fence};

/// As long as it is valid, no change of its key has begun since it was taken. (One that had begun before may take effect.) Unlike a
/// [`Lease`] it can be taken while somebody publishes the key, so a thread that has stopped there holds nobody up.
#[derive(Debug)]
pub(crate) struct Watch(pub(super) Lease);

impl Watch {
    /// A claim that was there when it was taken is none that has begun since; any other one is.
    pub(crate) fn is_valid(&self, clears: u64) -> bool {
        let Self(lease) = self;
        dekker_fence();
        lease.cell().generation.load(Ordering::SeqCst) == lease.generation
            && lease.is_current(clears)
    }
}

impl LeaseTable {
    /// Watches a key; `clears` as for [`lease_in`](Self::lease_in).
    pub(crate) fn watch(self: &Arc<Self>, hash: u64, clears: impl FnOnce() -> u64) -> Watch {
        Watch(self.stand(hash, self.join(hash), None, clears))
    }
}
