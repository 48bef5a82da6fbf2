//! What goes into bags.

use crate::engine::capacity::Descriptor;
use crate::engine::entry::Entry;

/// Something unlinked that readers may still hold.
#[derive(Debug)]
pub(crate) enum Retired<K, V> {
    /// An entry with key and value.
    Entry(*mut Entry<K, V>),
    /// An entry whose value its owner has taken out again.
    KeyOnly(*mut Entry<K, V>),
    Descriptor(*mut Descriptor<K, V>),
    /// Something of an unbounded cache's map. In a box, so that the others are small.
    #[cfg(not(tux_loom))]
    Foreign(Box<Foreign>),
}

impl<K, V> Retired<K, V> {
    /// Whether it is an entry, of which only so many may wait.
    pub(crate) fn is_entry(&self) -> bool {
        match self {
            Self::Entry(_) | Self::KeyOnly(_) => true,
            Self::Descriptor(_) => false,
            #[cfg(not(tux_loom))]
            Self::Foreign(foreign) => foreign.is_entry,
        }
    }
}

/// Memory of papaya's, and how it is freed.
#[cfg(not(tux_loom))]
#[derive(Debug)]
pub(crate) struct Foreign {
    memory: *mut (),
    reclaim: unsafe fn(*mut (), &seize::Collector),
    collector: *const seize::Collector,
    is_entry: bool,
}

// SAFETY: made of what may be freed by any thread (`new`).
#[cfg(not(tux_loom))]
unsafe impl Send for Foreign {}

#[cfg(not(tux_loom))]
impl Foreign {
    /// # Safety
    ///
    /// Once nobody holds it, any thread may call `reclaim` for it, while the collector is there.
    pub(crate) unsafe fn new<T>(
        memory: *mut T,
        reclaim: unsafe fn(*mut T, &seize::Collector),
        collector: &seize::Collector,
        is_entry: bool,
    ) -> Self {
        // SAFETY: functions of thin pointers to what has a size are called the same way.
        let reclaim = unsafe {
            std::mem::transmute::<
                unsafe fn(*mut T, &seize::Collector),
                unsafe fn(*mut (), &seize::Collector),
            >(reclaim)
        };
        Self {
            memory: memory.cast(),
            reclaim,
            collector,
            is_entry,
        }
    }

    /// # Safety
    ///
    /// Nobody holds it, and the collector is there.
    pub(crate) unsafe fn free(self) {
        let free = move |it: Self| {
            // SAFETY: by the contracts, and once.
            unsafe { (it.reclaim)(it.memory, &*it.collector) };
        };
        if self.is_entry {
            free(self);
        } else {
            // A table may bring entries, which papaya gives to its collector: that asks for the thread's number.
            // SAFETY: by the contract.
            let collector = unsafe { &*self.collector };
            crate::sync::with_number(collector, self, free);
        }
    }
}
