//! Whether an entry belongs to main, and that main's count says so.
//!
//! An entry comes to main at most once and leaves once, by whoever changes its slot. Both ends would have to agree by one
//! exchange on the entry, and every write would pay for it, though nearly no entry comes to main just when it goes. So who
//! brings an entry in says that it is *arriving*, looks whether it still stands in its slot, and only then says that it has
//! arrived:
//!
//! - **C1** *An entry that has arrived is counted, or about to be by who brought it in, and stays so until its slot changes.*
//!   Who changes the slot counts it out with no more ado, or lets its successor have the place.
//! - **C2** *Of an entry that is arriving, each setting of main's bit is taken back by one exchange*: by one of those who brought
//!   it in and found it gone, or by who changed its slot.
//! - **C3** *An entry without the bit after its slot was changed is never counted.* Either the arrival sees the other slot
//!   (and C2 holds), or its bit came before the change and is seen: both sides write first and look at the other's word
//!   then, SeqCst.

use crate::sync::{Ordering, advice, dekker_fence};

/// The entry belongs to main.
pub(crate) const IN_MAIN: u8 = 1;
/// It came back from far behind and has not been used since.
pub(crate) const OLD: u8 = 2;
/// The hand passes it over once more.
pub(crate) const SKIP_ONCE: u8 = 4;
/// It was published under a lease: whoever removes its key before it lives kills it.
pub(crate) const LEASED: u8 = 8;
/// It is not certain yet that it came to main before it left its slot.
pub(crate) const ARRIVING: u8 = 16;

/// An entry's flags: a word of the clock's, or of a model that wants every order of its accesses.
pub(crate) trait Flags {
    fn load(&self, order: Ordering) -> u8;
    fn store(&self, flags: u8, order: Ordering);
    fn fetch_or(&self, flags: u8, order: Ordering) -> u8;
    fn fetch_and(&self, flags: u8, order: Ordering) -> u8;
}

macro_rules! flags {
    ($word:ty) => {
        impl Flags for $word {
            #[inline(always)]
            fn load(&self, order: Ordering) -> u8 {
                <$word>::load(self, order)
            }
            #[inline(always)]
            fn store(&self, flags: u8, order: Ordering) {
                <$word>::store(self, flags, order);
            }
            #[inline(always)]
            fn fetch_or(&self, flags: u8, order: Ordering) -> u8 {
                <$word>::fetch_or(self, flags, order)
            }
            #[inline(always)]
            fn fetch_and(&self, flags: u8, order: Ordering) -> u8 {
                <$word>::fetch_and(self, flags, order)
            }
        }
    };
}

flags!(advice::AtomicU8);
#[cfg(all(tux_loom, not(tux_loom_advice)))]
flags!(crate::sync::AtomicU8);

/// Brings an entry to main, with these flags beside; how many it makes main more. `is_there` tells, SeqCst, whether it still stands
/// in its slot.
pub(crate) fn enter(word: &impl Flags, flags: u8, is_there: impl FnOnce() -> bool) -> i64 {
    if word.load(Ordering::Relaxed) & IN_MAIN != 0 {
        return 0;
    }
    let before = word.fetch_or(IN_MAIN | ARRIVING | flags, Ordering::SeqCst);
    if before & IN_MAIN != 0 {
        return 0;
    }
    dekker_fence();
    if is_there() || cfg!(tux_fault = "main-arrives-blind") {
        // A plain store: what the hand takes from the flags meanwhile comes back, which is advice. So does the bit of main if
        // who changed the slot has just taken it: that counted one less and this one more, and the entry has gone.
        word.store(before | IN_MAIN | flags, Ordering::Relaxed);
        return 1;
    }
    // Who changed the slot may or may not have seen it come.
    i64::from(word.fetch_and(!IN_MAIN, Ordering::SeqCst) & IN_MAIN == 0)
}

/// Takes an entry out of main whose slot the caller has changed, SeqCst: its flags as they were, and how many that makes main
/// less.
#[inline(always)]
pub(crate) fn leave(word: &impl Flags) -> (u8, i64) {
    dekker_fence();
    let flags = word.load(Ordering::SeqCst);
    match flags & (IN_MAIN | ARRIVING) {
        IN_MAIN => (flags, 1),
        in_doubt if in_doubt & IN_MAIN != 0 => leave_in_doubt(word),
        _ => (flags, 0),
    }
}

#[cold]
fn leave_in_doubt(word: &impl Flags) -> (u8, i64) {
    let flags = word.fetch_and(!IN_MAIN, Ordering::SeqCst);
    (flags, i64::from(flags & IN_MAIN))
}

/// The flags that an entry leaves to the one that overwrites it. It hands its place in main on if it has arrived there; if not,
/// the caller lets it [`leave`] main after its slot has changed.
#[inline(always)]
pub(crate) fn inherited(flags: u8) -> u8 {
    if flags & ARRIVING == 0 {
        flags
    } else {
        flags & !(IN_MAIN | ARRIVING)
    }
}
