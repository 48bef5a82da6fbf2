//! What is known of one key's loads: whether one is under way, whether one has just failed, whether what was known is void.
//!
//! One word per key, moved by single exchanges; no clock, no runtime, no lock. Times are whole milliseconds of the store's clock and come
//! from the caller.
//!
//! ```text
//!              claim                       late                fail
//!     Idle ───────────► Loading ──────────────► Late ──────────────► Throttled ──┐ claim, from `until` on
//!      ▲                   │  fail ────────────────────────────────►     ▲       │
//!      │                   │                                             │       ▼
//!      └────── release ────┴──────────── (both) ──── throttle, if Idle ──┘    Loading
//! ```
//!
//! `forget` may come at any time and is final: whatever was learned before is void, and a new state begins with the next value.
//!
//! # Invariants
//! - **W1** *One refresh at most.* Of all who claim a state that is idle, or throttled no longer, one gets the claim; nobody gets one
//!   while it is held.
//! - **W2** *What is forgotten stays forgotten.* After [`forget`](KeyState::forget) returned no claim is given and nothing that goes with this
//!   state is an answer any more; no later end of a load changes that.
//! - **W3** *A failure is not repeated at once.* After [`fail`](KeyState::fail)`(until)` no claim is given before `until`.
//! - **W4** *Nobody stays stuck.* Whoever holds a claim ends it by [`fail`](KeyState::fail) or [`release`](KeyState::release), whatever
//!   becomes of the load; both need the claim's term, so a late end touches no later claim.
//! - **W5** *Late is said of a load that is under way.* A caller that has waited long enough marks the load it waited for and no other.
//!
//! Orderings: the word is all there is to it; what goes with a state (the value) is immutable and was published with the
//! pointer to it. `forget` releases and the look acquires, so that whoever learns that a removal has returned, by whatever
//! way, sees it here.

use crate::sync::{AtomicU64, Ordering};

const PHASE: u64 = 0b11;
const IDLE: u64 = 0;
const LOADING: u64 = 1;
const LATE: u64 = 2;
const THROTTLED: u64 = 3;
const FORGOTTEN: u64 = 1 << 2;
const TERM_SHIFT: u32 = 3;
const TERM_BITS: u32 = 13;
const TERM: u64 = ((1 << TERM_BITS) - 1) << TERM_SHIFT;
const UNTIL_SHIFT: u32 = TERM_SHIFT + TERM_BITS;

/// Which claim of a state: a number that comes again after 8,192 claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClaimTerm(u64);

/// What a claim found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claimed {
    /// The caller loads.
    Yes(ClaimTerm),
    /// Somebody else does.
    Loading(ClaimTerm),
    /// Somebody else does, and it takes longer than a caller wants to wait.
    Late,
    /// A load has failed a moment ago.
    Throttled,
    /// What was known is void.
    Forgotten,
}

/// The state of one key (see the module).
#[derive(Debug)]
pub(crate) struct KeyState(AtomicU64);

impl KeyState {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(IDLE))
    }

    /// Claims the next load of the key (W1). O(1), lock-free.
    pub(crate) fn claim(&self, now: u64) -> Claimed {
        let mut seen = self.0.load(Ordering::Acquire);
        loop {
            let term = seen & TERM;
            match seen & PHASE {
                _ if seen & FORGOTTEN != 0 => return Claimed::Forgotten,
                LOADING => return Claimed::Loading(ClaimTerm(term)),
                LATE => return Claimed::Late,
                THROTTLED
                    if now < seen >> UNTIL_SHIFT && !cfg!(tux_fault = "policy-unthrottled") =>
                {
                    return Claimed::Throttled;
                }
                _ => {}
            }
            let term = term.wrapping_add(1 << TERM_SHIFT) & TERM;
            if cfg!(tux_fault = "policy-claim-stored") {
                self.0.store(term | LOADING, Ordering::Release);
                return Claimed::Yes(ClaimTerm(term));
            }
            match self.exchange(seen, term | LOADING) {
                Ok(_) => return Claimed::Yes(ClaimTerm(term)),
                Err(changed) => seen = changed,
            }
        }
    }

    /// Whether a claim would be given now. The answer may be old at once.
    pub(crate) fn is_free(&self, now: u64) -> bool {
        let seen = self.0.load(Ordering::Acquire);
        match seen & PHASE {
            _ if seen & FORGOTTEN != 0 => false,
            IDLE => true,
            THROTTLED => now >= seen >> UNTIL_SHIFT,
            _ => false,
        }
    }

    /// The claim goes without a load, or with one that has replaced what this state goes with.
    pub(crate) fn release(&self, term: ClaimTerm) {
        self.end(term, IDLE);
    }

    /// The load failed: none is tried before `until` (W3).
    pub(crate) fn fail(&self, term: ClaimTerm, until: u64) {
        self.end(term, throttled(until));
    }

    /// A load failed that was not claimed here.
    pub(crate) fn throttle(&self, until: u64) {
        let seen = self.0.load(Ordering::Acquire);
        if seen & (PHASE | FORGOTTEN) == IDLE {
            // Else somebody claims, forgets or fails at this moment, and knows more.
            let _ = self.exchange(seen, seen & TERM | throttled(until));
        }
    }

    /// A caller has waited for this load for as long as it wants to (W5).
    pub(crate) fn late(&self, term: ClaimTerm) {
        let mut of = term.0;
        if cfg!(tux_fault = "policy-late-any-claim") {
            of = self.0.load(Ordering::Acquire) & TERM;
        }
        let _ = self.exchange(of | LOADING, of | LATE);
    }

    /// Voids all that goes with this state, for good (W2).
    pub(crate) fn forget(&self) {
        self.0.fetch_or(FORGOTTEN, Ordering::AcqRel);
    }

    /// Whether what goes with this state may be an answer.
    pub(crate) fn holds(&self) -> bool {
        self.0.load(Ordering::Acquire) & FORGOTTEN == 0 || cfg!(tux_fault = "policy-answers-void")
    }

    fn end(&self, term: ClaimTerm, to: u64) {
        let mut seen = self.0.load(Ordering::Acquire);
        while seen & TERM == term.0 && matches!(seen & PHASE, LOADING | LATE) {
            let forgotten = if cfg!(tux_fault = "policy-end-remembers") {
                0
            } else {
                seen & FORGOTTEN
            };
            match self.exchange(seen, term.0 | to | forgotten) {
                Ok(_) => return,
                Err(changed) => seen = changed,
            }
        }
    }

    fn exchange(&self, seen: u64, next: u64) -> Result<u64, u64> {
        self.0
            .compare_exchange(seen, next, Ordering::AcqRel, Ordering::Acquire)
    }
}

fn throttled(until: u64) -> u64 {
    THROTTLED | until.min(u64::MAX >> UNTIL_SHIFT) << UNTIL_SHIFT
}

/// When a value was known to be current and how long it lives, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifespan {
    /// When it was read or written.
    pub(crate) since: u64,
    /// When it ends at the earliest. `None`: nobody has said; `u64::MAX`: it does not.
    pub(crate) ends: Option<u64>,
    /// Its whole life, if it ends.
    pub(crate) whole: Option<u64>,
}

impl Lifespan {
    /// Whether this share of its life is over.
    pub(crate) fn is_due(&self, now: u64, fraction: f64) -> bool {
        match (self.ends, self.whole) {
            (Some(ends), Some(whole)) => now >= ends.saturating_sub(share(whole, 1.0 - fraction)),
            _ => false,
        }
    }

    /// For how long it has been over, if it is.
    pub(crate) fn over_for(&self, now: u64) -> Option<u64> {
        self.ends.and_then(|ends| now.checked_sub(ends))
    }

    /// Whether it should be there still.
    pub(crate) fn goes_on(&self, now: u64) -> bool {
        self.ends.is_some_and(|ends| now < ends)
    }

    pub(crate) fn age(&self, now: u64) -> u64 {
        now.saturating_sub(self.since)
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a time, neither negative nor more than the whole"
)]
fn share(whole: u64, share: f64) -> u64 {
    (whole as f64 * share).round() as u64
}

#[cfg(all(test, not(tux_loom)))]
mod tests;
