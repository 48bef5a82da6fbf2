//! Who frees what: its own when it is a batch, what idle threads have left, and everybody's when there is too much.
//!
//! A thread looks when it has a full bag, when nothing is left of the [`Budget`](crate::engine::reclaim::supply::Budget), or when another thread asked it to.
//! So what is unlinked and not freed stays within the budget, but for what waits for readers: those are asked to look when they have
//! left, and the last of them frees it.
//!
//! - **D7** Who finds that nothing is left, and nothing of its own that waits for a reader, takes and seals bags of others until
//!   something is left, or there are none; again only when its own bag is full or the readers have left that held back the last
//!   ones: threads that write beside an open view do not take the same bags from each other again and again. Bags of others are
//!   looked for once round, and the own one once after that: drops that unlink more do not keep it going.
//! - **D8** Who finds that nothing is left and that a reader holds back what it has sealed asks that reader's thread to look; with a
//!   heavy fence between that and its own second look. Either that thread left before the fence, and the second look frees; or it
//!   asks itself after the fence, and sees that it was asked. (Where the system has no such fence it may miss it, until
//!   somebody writes again.)

use super::Locals;
use crate::engine::reclaim::bag::Chain;
use crate::engine::reclaim::{Domain, Participant};
use crate::engine::threads::local::Local;

/// How many other threads' parts a writer looks at, with each batch of its own, for what idle ones have left.
const LEFT_PER_BATCH: usize = 8;

/// The other threads' parts, from somewhere round to there again.
struct Round {
    next: usize,
    from: usize,
    wrapped: bool,
}

impl Round {
    fn from(next: usize) -> Self {
        Self {
            next,
            from: next,
            wrapped: false,
        }
    }

    fn is_over(&self) -> bool {
        self.wrapped && self.next >= self.from
    }

    /// The next one, if there is one with its number.
    fn next<'l, K, V>(&mut self, locals: &'l Locals<K, V>) -> Option<(usize, &'l Local<K, V>)> {
        let id = self.next;
        if let Ok(local) = locals.get(id) {
            self.next += 1;
            return local.map(|local| (id, local));
        }
        if self.wrapped {
            // Where it began there is nothing any more, or never was.
            self.from = self.next;
        } else {
            (self.next, self.wrapped) = (0, true);
        }
        None
    }
}

impl<K, V> Locals<K, V> {
    /// The end of an operation after which there is something to free. Outside its guard: it runs `K::drop` and `V::drop`, which
    /// may call the cache again. `own` is the part of the caller, who owns `participant`.
    #[cold]
    #[inline(never)]
    pub(crate) fn collect(&self, domain: &Domain, participant: &Participant, own: &Local<K, V>) {
        let Some(mut collecting) = own.begin() else {
            return;
        };
        let budget = &self.supply.budget;
        let mut waits = collecting.free_elapsed(domain, false);
        if collecting.was_full || budget.is_spent() && !waits && collecting.may_gather() {
            let mut round = Round::from(own.next_left.get());
            loop {
                let (spent, is_last) = (budget.is_spent(), round.is_over());
                let chain = self.gather(participant, own, spent, &mut round);
                let found = !chain.is_empty();
                if found {
                    collecting.seal(domain, chain);
                }
                waits = collecting.free_elapsed(domain, spent);
                // D7.
                if waits || !budget.is_spent() || is_last || !found && round.is_over() {
                    break;
                }
            }
            own.next_left.set(round.next);
            if waits && budget.is_spent() {
                collecting.remind_readers(domain, |id| self.get(id).ok().flatten());
                if budget.is_spent() {
                    collecting.was_in_vain();
                }
            }
        }
        if budget.is_spent() {
            // Each write looks, until something is left again.
            own.remind();
        }
        collecting.end();
    }

    /// Frees all that no reader holds, whoever has unlinked it. Otherwise as [`collect`](Self::collect).
    pub(crate) fn collect_all(
        &self,
        domain: &Domain,
        participant: &Participant,
        own: &Local<K, V>,
    ) {
        let Some(mut collecting) = own.begin() else {
            return;
        };
        let mut round = Round::from(0);
        round.wrapped = true;
        round.from = usize::MAX;
        loop {
            let is_last = round.is_over();
            let chain = self.gather(participant, own, true, &mut round);
            let found = !chain.is_empty();
            if found {
                collecting.seal(domain, chain);
            }
            collecting.free_elapsed(domain, true);
            if is_last || !found && round.is_over() {
                break;
            }
        }
        if self.supply.budget.is_spent() {
            own.remind();
        }
        collecting.end();
    }

    /// Takes the own bag, and those of others: of all, or only what idle ones have left. Their bags that wait already wait with
    /// the own ones from then on. What is in hand of others'
    /// is limited: a thread that stops here keeps no more (I7).
    fn gather(
        &self,
        participant: &Participant,
        own: &Local<K, V>,
        all: bool,
        round: &mut Round,
    ) -> Chain<K, V> {
        let mut chain = Chain::empty();
        own.take().into_iter().for_each(|bag| chain.push(bag));
        let mut entries = 0;
        // D5.
        let _guard = participant.enter();
        let mut looks = if all { usize::MAX } else { LEFT_PER_BATCH };
        while looks > 0 && entries < self.supply.budget.share() && !round.is_over() {
            looks -= 1;
            let Some((id, other)) = round.next(self) else {
                continue;
            };
            if id != participant.id() && (all || other.has_left_something()) {
                own.wait_also(other.take_waiting());
                if let Some(bag) = other.take() {
                    entries += bag.entries();
                    chain.push(bag);
                }
            }
        }
        chain
    }
}
