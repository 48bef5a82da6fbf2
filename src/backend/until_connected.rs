//! Memory while the configured server has never been reached, the server from then on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::ServingStore;
use super::memory::InMemoryBackend;
use super::valkey::ValkeyBackend;

/// What consumers hold when a server is configured but could not be reached at start: memory, until the
/// connection stands for the first time; then every holder talks to the server, and what memory held is
/// dropped. It never goes back: a server lost later is an error, not a second truth.
///
/// Whatever was written or removed in memory meanwhile is removed from the server before anybody reads
/// from it through this backend, as far as the retry queue had room.
#[derive(Clone, Debug)]
#[doc(alias = "FallbackBackend")]
pub struct MemoryUntilConnected {
    memory: InMemoryBackend,
    valkey: ValkeyBackend,
    moved: Arc<AtomicBool>,
}

impl MemoryUntilConnected {
    /// Uses `memory` until `valkey`, which connects in the background, stands for the first time.
    #[must_use]
    pub fn new(memory: InMemoryBackend, valkey: ValkeyBackend) -> Self {
        let moved = Arc::new(AtomicBool::new(false));
        let (flag, entries) = (Arc::clone(&moved), memory.clone());
        valkey.on_first_connection(move || {
            // Release: who sees the flag sees the connection that was published before it.
            flag.store(true, Ordering::Release);
            entries.clear();
            tracing::info!(
                "the cache server is reached: every cache moved over, what memory held is dropped"
            );
        });
        Self {
            memory,
            valkey,
            moved,
        }
    }

    /// Whether the holders have moved over to the server.
    #[must_use]
    pub fn has_moved(&self) -> bool {
        self.moved.load(Ordering::Acquire)
    }

    /// The memory that serves until then, for whoever counts.
    pub(crate) fn memory_until_then(&self) -> &InMemoryBackend {
        &self.memory
    }

    /// The server's backend.
    #[must_use]
    pub fn valkey(&self) -> &ValkeyBackend {
        &self.valkey
    }

    pub(super) fn memory(&self) -> &InMemoryBackend {
        &self.memory
    }

    #[inline]
    pub(super) fn store(&self) -> ServingStore<'_> {
        if self.has_moved() {
            ServingStore::Valkey(&self.valkey)
        } else {
            ServingStore::Memory(&self.memory)
        }
    }

    pub(super) fn shadow_key(&self, wire_key: impl FnOnce() -> String) {
        if !self.has_moved() {
            self.valkey.remove_later(wire_key());
        }
    }

    pub(super) fn shadow_prefix(&self, wire_prefix: impl FnOnce() -> String) {
        if !self.has_moved() {
            self.valkey.remove_prefix_later(wire_prefix());
        }
    }
}
