//! The calling thread's participant in the process-wide reclamation domain.

use super::registry::FarPlace;
use crate::engine::reclaim::{Domain, Far, Fast, Participant, PinGuard, membarrier};
use crate::sync::{AtomicBool, Ordering, count_interruption, in_forked_child, thread_local};
use std::cell::Cell;

pub(crate) static DOMAIN: Domain = Domain::new(membarrier::is_available);

static UNREGISTERED: Participant = Participant::unregistered();

/// Gives the participant back when the thread ends.
struct ParticipantOwner(&'static Participant);

impl Drop for ParticipantOwner {
    fn drop(&mut self) {
        FAST.set(Fast::unregistered(&UNREGISTERED));
        OWN.set(None);
        FAR.set(None);
        DOMAIN.release(self.0);
    }
}

thread_local! {
    /// The thread's participant, if it is a fast one, or nobody's. No destructor, so it can be read at any time of a thread's life
    /// for the price of one load.
    static FAST: Cell<Fast> = const { Cell::new(Fast::unregistered(&UNREGISTERED)) };
    /// The thread's participant, if it needs no fence but is not fast: of threads beyond the first
    /// [`FAST_PARTICIPANTS`](crate::engine::reclaim::FAST_PARTICIPANTS). With it where its part stands in every cache.
    static FAR: Cell<Option<(Far, FarPlace)>> = const { Cell::new(None) };
    static OWNER: ParticipantOwner = {
        let participant = acquire();
        OWN.set(Some(participant));
        FAR.set(Far::of(participant).map(|far| (far, FarPlace::of(far))));
        FAST.set(Fast::of(participant).unwrap_or(Fast::unregistered(&UNREGISTERED)));
        ParticipantOwner(participant)
    };
}

thread_local! {
    /// The thread's participant, fast or not. No destructor: a signal handler may read it.
    static OWN: Cell<Option<&'static Participant>> = const { Cell::new(None) };
}

/// A participant, in a domain that children of `fork` put right.
fn acquire() -> &'static Participant {
    static TOLD: AtomicBool = AtomicBool::new(false);
    extern "C" fn child() {
        membarrier::again();
        if DOMAIN.leave_all_but(OWN.get()) {
            count_interruption();
        }
    }
    if !TOLD.load(Ordering::Acquire) {
        // Before the first participant: then there is none in a child that was not told. Twice does no harm.
        in_forked_child(child);
        TOLD.store(true, Ordering::Release);
    }
    DOMAIN.acquire()
}

/// The calling thread's participant; a borrowed one where thread-local destructors already run.
pub(crate) struct Current {
    participant: &'static Participant,
    borrowed: bool,
    not_send: std::marker::PhantomData<*const ()>,
}

impl Current {
    pub(crate) fn participant(&self) -> &'static Participant {
        self.participant
    }
}

impl From<Fast> for Current {
    /// The calling thread's own participant.
    #[inline(always)]
    fn from(fast: Fast) -> Self {
        Self {
            participant: fast.participant(),
            borrowed: false,
            not_send: std::marker::PhantomData,
        }
    }
}

impl From<Far> for Current {
    /// The calling thread's own participant.
    #[inline(always)]
    fn from(far: Far) -> Self {
        Self {
            participant: far.participant(),
            borrowed: false,
            not_send: std::marker::PhantomData,
        }
    }
}

impl Drop for Current {
    #[inline(always)]
    fn drop(&mut self) {
        if self.borrowed {
            DOMAIN.release(self.participant);
        }
    }
}

/// The calling thread's participant, if it has one already and that is fast; otherwise nobody's.
#[inline(always)]
pub(crate) fn fast() -> Fast {
    FAST.get()
}

/// The calling thread's participant, if it has one already and that is [far](Far).
#[inline(always)]
pub(crate) fn far() -> Option<(Far, FarPlace)> {
    FAR.get()
}

/// The short guard that the calling thread is in.
///
/// # Safety
///
/// It was [handed over](PinGuard::keep_pinned) by this thread, and is taken over once.
#[inline(always)]
pub(crate) unsafe fn own_pin() -> PinGuard<'static> {
    // SAFETY: only the participant's owner enters its short guard, and keeps the participant inside; the rest is the contract.
    unsafe { OWN.get().unwrap_unchecked().resume_pin() }
}

#[inline(always)]
pub(crate) fn current() -> Current {
    let fast = fast();
    if std::ptr::eq(fast.participant(), &raw const UNREGISTERED) {
        first()
    } else {
        fast.into()
    }
}

#[cold]
fn first() -> Current {
    if let Some((far, _)) = far() {
        return far.into();
    }
    let own = OWNER.try_with(|owner| owner.0);
    Current {
        participant: own.unwrap_or_else(|_| acquire()),
        borrowed: own.is_err(),
        not_send: std::marker::PhantomData,
    }
}

#[cfg(all(test, not(tux_loom)))]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// Other tests take and give back participants at the same time, so this only counts roughly.
    #[test]
    fn ended_threads_give_their_participants_back() {
        let id = || std::thread::spawn(|| current().participant().id());
        let ids: HashSet<_> = (0..400).map(|_| id().join().unwrap()).collect();
        assert!(
            ids.len() < 200,
            "{} participants for one thread at a time",
            ids.len()
        );
    }
}
