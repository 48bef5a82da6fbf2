//! What a thread has unlinked, until nobody can hold it any more: filled by one thread, taken by any.
//!
//! Each thread's part of a cache has a *bag* in place, to which it adds by plain stores what it unlinks. Whoever wants it freed,
//! the thread itself or another one, takes the bag by one exchange, which leaves an empty one there that has no room; seals
//! what is in it; and frees it when the grace period is over. So it does not matter whether the thread that unlinked
//! something is at work, idle, stopped or gone.
//!
//! # Invariants
//!
//! - **D1** Only the owner of the participant adds to the bag in place, inside a guard of that participant, and it loads the bag's address
//!   inside that guard each time.
//! - **D2** A bag leaves its place by an exchange, so one thread has it. That one puts it into the chain of bags that wait
//!   (`Local::waiting`), which is taken by an exchange as well: a bag is in one place, in one chain, or in one hand.
//! - **D3** Sealed is what the taker saw in the bag (Acquire) before the seal's fence. All of that was unlinked before.
//! - **D4** A bag is emptied only when its grace period is over and it holds no more than was sealed; what came late is sealed again.
//! - **D5** A bag in place is looked at by others only inside a guard, and its memory is used again or given back only after
//!   D4.
//!
//! # Why that is enough
//!
//! The owner may be about to add to a bag that has just been taken. Then it loaded the address before the exchange, inside a guard
//! (D1). If it entered that guard after the seal's heavy fence it would have seen the exchange; so it entered before, and the
//! scan either sees it inside, and the grace period is not over before it has left, or has seen that it left. Either way its
//! additions are over when the grace period is, and seen by the taker (the owner leaves with Release, the taker reads with Acquire). If there
//! were some, D4 seals once more: nobody is left who could add. The same holds of those who look (D5). What was added before the seal is
//! what R1 to R3 are about (`reclaim`).
//!
//! A thread that stops between taking and putting back keeps what is in its hand, which `Locals::gather` limits; the others have
//! the rest.

use crate::engine::entry::slab::Memory;
use crate::engine::reclaim::GracePeriod;
use crate::sync::{AtomicBool, AtomicUsize, Ordering, UnsafeCell, Witness};
use std::mem::MaybeUninit;

mod retired;
#[cfg(not(tux_loom))]
pub(crate) use retired::Foreign;
pub(crate) use retired::Retired;

/// A place for one entry.
type BagPlace<K, V> = UnsafeCell<MaybeUninit<Memory<K, V>>>;

pub(crate) struct Bag<K, V> {
    /// So many of the places are filled.
    len: AtomicUsize,
    /// So many may be filled: what was [reserved](crate::engine::threads::registry::Budget) for them.
    limit: AtomicUsize,
    /// How many others there are, and for how many of them something is reserved.
    others: AtomicUsize,
    reserved: AtomicUsize,
    /// The owner is about to add to the others. Seen when nobody can add any more, in a child of `fork` whose owner did not come
    /// along (R4): then they may be half changed, and are left alone.
    adding: AtomicBool,
    /// How many there were in all when somebody looked last whether the thread is idle, plus one. A guess.
    looked: AtomicUsize,
    places: Box<[BagPlace<K, V>]>,
    more: UnsafeCell<Vec<Retired<K, V>>>,
    /// Its holder's.
    held: UnsafeCell<HeldBags<K, V>>,
    witness: Witness,
}

/// What whoever has taken a bag knows of it.
struct HeldBags<K, V> {
    /// What was sealed: filled places, others.
    sealed: (usize, usize),
    /// Entries that were [counted](super::supply::Budget::taken).
    counted: usize,
    grace: Option<GracePeriod>,
    next: *mut Bag<K, V>,
    /// In the first of a chain: the last one.
    last: *mut Bag<K, V>,
}

impl<K, V> Bag<K, V> {
    /// One with so much room; without any for what stands where there is no bag.
    pub(crate) fn with_room(room: usize) -> Box<Self> {
        Box::new(Self {
            len: AtomicUsize::new(0),
            limit: AtomicUsize::new(0),
            others: AtomicUsize::new(0),
            reserved: AtomicUsize::new(0),
            adding: AtomicBool::new(false),
            looked: AtomicUsize::new(0),
            places: (0..room)
                .map(|_| UnsafeCell::new(MaybeUninit::uninit()))
                .collect(),
            more: UnsafeCell::new(Vec::new()),
            held: UnsafeCell::new(HeldBags {
                sealed: (0, 0),
                counted: 0,
                grace: None,
                next: std::ptr::null_mut(),
                last: std::ptr::null_mut(),
            }),
            witness: Witness::new(),
        })
    }

    /// Adds an entry, if there is a reserved place for it. Only the owner of the bag in place may call it (D1).
    #[inline(always)]
    pub(crate) fn add(&self, entry: Memory<K, V>) -> bool {
        self.witness.used();
        let at = self.len.load(Ordering::Relaxed);
        let has_place = at < self.limit.load(Ordering::Relaxed);
        if has_place {
            // SAFETY: the limit is never beyond the places (see `reserve`), and only the owner writes; others read what is
            // below `len`.
            unsafe { (*self.places.get_unchecked(at).get()).write(entry) };
            // Release: D3.
            self.len.store(at + 1, Ordering::Release);
        }
        has_place
    }

    /// How many places are left behind the filled ones. For the owner.
    pub(crate) fn room(&self) -> usize {
        self.places.len() - self.len.load(Ordering::Relaxed)
    }

    /// Lets so many more places be filled, for which something was reserved, and of which there are so many. For the owner.
    pub(crate) fn reserve(&self, more: usize) {
        // (No load more in builds that count them.)
        debug_assert!(cfg!(tux_count) || more <= self.room());
        self.limit
            .store(self.len.load(Ordering::Relaxed) + more, Ordering::Relaxed);
    }

    /// Adds something else, for which so much is reserved. For the owner. Returns how many others there are.
    pub(crate) fn add_other(&self, other: Retired<K, V>, reserved: usize) -> usize {
        self.witness.used();
        self.adding.store(true, Ordering::Release);
        // SAFETY: only the owner of the bag in place uses it (D1), and others only once nobody can add (D4).
        unsafe { (*self.more.get()).push(other) };
        self.adding.store(false, Ordering::Release);
        let sum = self.reserved.load(Ordering::Relaxed) + reserved;
        self.reserved.store(sum, Ordering::Relaxed);
        let others = self.others.load(Ordering::Relaxed) + 1;
        // Release: D3.
        self.others.store(others, Ordering::Release);
        others
    }

    /// Entries in it. To be called by its holder, or inside a guard (D5).
    pub(crate) fn entries(&self) -> usize {
        self.len.load(Ordering::Acquire) + self.reserved.load(Ordering::Relaxed)
    }

    fn contents(&self) -> (usize, usize) {
        (
            self.len.load(Ordering::Acquire),
            self.others.load(Ordering::Acquire),
        )
    }

    /// Whether there is something in it, and no more than at the last look. Inside a guard (D5).
    pub(crate) fn is_idle(&self) -> bool {
        let (len, others) = self.contents();
        let all = len + others;
        all > 0 && self.looked.swap(all + 1, Ordering::Relaxed) == all + 1
    }
}

/// The entries with key and value, the others, and how much is reserved for all of them.
type Contents<'b, K, V> = (&'b [Memory<K, V>], Vec<Retired<K, V>>, usize);

/// A bag in hand. (Dropped it would be leaked: it goes into a chain, or is [emptied](TakenBag::finish).)
pub(crate) struct TakenBag<K, V>(*mut Bag<K, V>);

impl<K, V> TakenBag<K, V> {
    /// # Safety
    ///
    /// The caller has just taken it out of its place or chain (D2), and it was made by [`Bag::with_room`].
    pub(crate) unsafe fn new(bag: *mut Bag<K, V>) -> Self {
        Self(bag)
    }

    fn bag(&self) -> &Bag<K, V> {
        // SAFETY: made by `Box`, in our hand (D2), and so not given back.
        unsafe { &*self.0 }
    }

    #[expect(clippy::mut_from_ref, reason = "the holder's cell")]
    fn held(&self) -> &mut HeldBags<K, V> {
        // SAFETY: only the holder uses it, and no borrow outlives a statement.
        unsafe { &mut *self.bag().held.get() }
    }

    /// Entries in it.
    pub(crate) fn entries(&self) -> usize {
        self.bag().entries()
    }

    /// Notes what is in it now, which the next seal will be of (D3). Returns how many entries were not counted before.
    pub(crate) fn note(&self) -> usize {
        let contents = self.bag().contents();
        let entries = self.entries();
        let held = self.held();
        held.sealed = contents;
        entries - std::mem::replace(&mut held.counted, entries)
    }

    /// Entries that were counted.
    pub(crate) fn counted(&self) -> usize {
        self.held().counted
    }

    /// Seals what was noted before the grace period began.
    pub(crate) fn seal(&self, grace: GracePeriod) {
        self.held().grace = Some(grace);
    }

    /// Whether its grace period is over. Never waits.
    pub(crate) fn has_elapsed(&self) -> bool {
        self.held()
            .grace
            .as_mut()
            .is_some_and(GracePeriod::has_elapsed)
    }

    /// Whether the system has refused the fence of its seal.
    pub(crate) fn is_refused(&self) -> bool {
        let grace = self.held().grace.as_ref();
        grace.is_some_and(GracePeriod::is_refused)
    }

    /// Whether it holds no more than was sealed (D4). To be asked after its grace period.
    pub(crate) fn is_all_sealed(&self) -> bool {
        self.held().sealed == self.bag().contents() || cfg!(tux_fault = "bag-late-ones-freed")
    }

    /// Takes out what it holds.
    ///
    /// # Safety
    ///
    /// The grace period is over and all was sealed (D4), and it is called once.
    pub(crate) unsafe fn contents(&self) -> Contents<'_, K, V> {
        let bag = self.bag();
        bag.witness.freed();
        let len = bag.len.load(Ordering::Acquire);
        let reserved = bag.limit.load(Ordering::Relaxed) + bag.reserved.load(Ordering::Relaxed);
        // SAFETY: so many are filled (D1), and nobody writes any more (D4). A cell and what may be uninitialised lie as what
        // they hold.
        let entries = unsafe { std::slice::from_raw_parts(bag.places.as_ptr().cast(), len) };
        // SAFETY: as above.
        let mut others = unsafe { std::mem::take(&mut *bag.more.get()) };
        if bag.adding.load(Ordering::Acquire) {
            std::mem::forget(std::mem::take(&mut others));
        }
        (entries, others, reserved)
    }

    /// The empty bag, to be used again, with room to note others in.
    ///
    /// # Safety
    ///
    /// Its contents were taken out, and nothing else is done with it.
    pub(crate) unsafe fn finish(self, mut more: Vec<Retired<K, V>>) -> Box<Bag<K, V>> {
        // SAFETY: made by `Box`; nobody else has it (D2) or looks at it (D5).
        let mut bag = unsafe { Box::from_raw(self.0) };
        more.clear();
        more.shrink_to(bag.places.len());
        let Bag {
            len,
            limit,
            others,
            reserved,
            looked,
            ..
        } = &*bag;
        for number in [len, limit, others, reserved, looked] {
            number.store(0, Ordering::Relaxed);
        }
        bag.adding.store(false, Ordering::Relaxed);
        *bag.more.get_mut() = more;
        let held = bag.held.get_mut();
        (held.grace, held.counted) = (None, 0);
        (held.next, held.last) = (std::ptr::null_mut(), std::ptr::null_mut());
        bag
    }
}

/// Bags in hand, the one that has waited longest first. (Dropped they would be leaked.)
pub(crate) struct Chain<K, V>(*mut Bag<K, V>);

impl<K, V> Chain<K, V> {
    pub(crate) const fn empty() -> Self {
        Self(std::ptr::null_mut())
    }

    /// # Safety
    ///
    /// The caller has just taken it out of where it was (D2): null, or from [`into_raw`](Self::into_raw).
    pub(crate) unsafe fn from_raw(first: *mut Bag<K, V>) -> Self {
        Self(first)
    }

    /// The first bag, by which it can be put somewhere; null if there is none.
    pub(crate) fn into_raw(self) -> *mut Bag<K, V> {
        self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_null()
    }

    pub(crate) fn pop(&mut self) -> Option<TakenBag<K, V>> {
        let first = (!self.0.is_null()).then_some(TakenBag(self.0))?;
        let held = first.held();
        let (next, last) = (held.next, held.last);
        (held.next, held.last) = (std::ptr::null_mut(), std::ptr::null_mut());
        self.0 = next;
        if !next.is_null() {
            TakenBag(next).held().last = last;
        }
        Some(first)
    }

    pub(crate) fn push(&mut self, bag: TakenBag<K, V>) {
        let held = bag.held();
        (held.next, held.last) = (std::ptr::null_mut(), bag.0);
        self.append(Self(bag.0));
    }

    pub(crate) fn push_front(&mut self, bag: TakenBag<K, V>) {
        let rest = std::mem::replace(self, Self::empty());
        self.push(bag);
        self.append(rest);
    }

    /// Puts others behind these. O(1).
    pub(crate) fn append(&mut self, behind: Self) {
        if behind.is_empty() {
        } else if self.is_empty() {
            self.0 = behind.0;
        } else {
            let first = TakenBag(self.0);
            TakenBag(first.held().last).held().next = behind.0;
            first.held().last = TakenBag(behind.0).held().last;
        }
    }

    /// Each of them, in order.
    pub(crate) fn each(&self, mut visit: impl FnMut(&TakenBag<K, V>)) {
        let mut next = self.0;
        while !next.is_null() {
            let bag = TakenBag(next);
            visit(&bag);
            next = bag.held().next;
        }
    }
}

#[cfg(all(test, not(tux_loom)))]
mod tests;
