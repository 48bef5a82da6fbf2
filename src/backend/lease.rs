//! What a load or a partial update holds while it is under way.

use super::generation::GenerationTicket;
use super::value::Value;

/// Taken before a value is loaded; the value is published only if nothing set, invalidated or cleared
/// the key since. A lease of one backend is void on every other.
#[derive(Debug)]
#[must_use = "a lease protects the load that follows it"]
pub struct Lease(LeaseForm);

#[derive(Debug)]
enum LeaseForm {
    Memory { store: u64, lease: crate::Lease },
    Ticket(GenerationTicket),
}

impl Lease {
    pub(super) fn memory(store: u64, lease: crate::Lease) -> Self {
        Self(LeaseForm::Memory { store, lease })
    }

    pub(super) fn ticket(ticket: GenerationTicket) -> Self {
        Self(LeaseForm::Ticket(ticket))
    }

    /// The engine's lease, if it was taken from the store of this number.
    pub(super) fn into_memory(self, of: u64) -> Option<crate::Lease> {
        match self.0 {
            LeaseForm::Memory { store, lease } if store == of => Some(lease),
            _ => None,
        }
    }

    pub(super) fn as_memory(&self, of: u64) -> Option<&crate::Lease> {
        match &self.0 {
            LeaseForm::Memory { store, lease } if *store == of => Some(lease),
            _ => None,
        }
    }

    pub(super) fn as_ticket(&self) -> Option<&GenerationTicket> {
        match &self.0 {
            LeaseForm::Ticket(ticket) => Some(ticket),
            LeaseForm::Memory { .. } => None,
        }
    }

    pub(super) fn into_ticket(self) -> Option<GenerationTicket> {
        match self.0 {
            LeaseForm::Ticket(ticket) => Some(ticket),
            LeaseForm::Memory { .. } => None,
        }
    }
}

/// What stood under a key when a read-merge-write began; goes back with
/// [`Backend::commit`](super::Backend::commit).
#[must_use = "a snapshot is the base of the commit that follows it"]
pub struct Snapshot {
    value: Option<Value>,
    base: Base,
}

pub(super) enum Base {
    /// Unchanged if the lease still holds.
    Memory(Lease),
    /// Unchanged if the server still has this whole text (`None`: nothing).
    #[cfg(feature = "valkey")]
    Text { store: u64, text: Option<Vec<u8>> },
    /// Unchanged if a user's store still has this value.
    Custom,
}

impl std::fmt::Debug for Snapshot {
    /// Never what stood there.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let base = match self.base {
            Base::Memory(_) => "memory",
            #[cfg(feature = "valkey")]
            Base::Text { .. } => "valkey",
            Base::Custom => "custom",
        };
        f.debug_struct("Snapshot")
            .field("value", &self.value)
            .field("of", &base)
            .finish()
    }
}

impl Snapshot {
    pub(super) fn memory(value: Option<Value>, lease: Lease) -> Self {
        Self {
            value,
            base: Base::Memory(lease),
        }
    }

    pub(super) fn custom(value: Option<Value>) -> Self {
        Self {
            value,
            base: Base::Custom,
        }
    }

    #[cfg(feature = "valkey")]
    pub(super) fn text(value: Option<Value>, store: u64, text: Option<Vec<u8>>) -> Self {
        Self {
            value,
            base: Base::Text { store, text },
        }
    }

    /// The value, `None` when there was none.
    #[must_use]
    pub fn value(&self) -> Option<&Value> {
        self.value.as_ref()
    }

    pub(super) fn into_parts(self) -> (Option<Value>, Base) {
        (self.value, self.base)
    }

    pub(super) fn into_memory_parts(self) -> (Option<Value>, Option<Lease>) {
        match self.base {
            Base::Memory(lease) => (self.value, Some(lease)),
            _ => (self.value, None),
        }
    }
}
