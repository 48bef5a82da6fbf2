//! Q1 of `policy/queue.rs`: no live entry is in no queue when all calls are over, whatever order it was put there, taken out, brought
//! to main and overwritten in. (`Actor::end` looks, in all models without stopped threads.)

use super::race::race;

race! {
    /// Each of two newcomers may pop the other's place before that is filled, or before its entry lives.
    ///
    /// Seeded fault: `queue-filled-late` (who fills a place does not look whether the head has passed it).
    two_newcomers_in_an_empty_queue: "queue::insert/insert, permits held", 2, KEEP, holders 2;
        before [Set(1, 1), Set(2, 2)], a [Set(4, 4)], b [Set(3, 3)]; then [];
        allowed { [[], [], []] }

    /// The same where permits pass through slots: places are filled afterwards.
    two_newcomers_by_way_of_slots: "queue::insert/insert, permits in slots", 2, KEEP, preemptions 2;
        before [Set(1, 1), Set(2, 2)], a [Set(4, 4)], b [Set(3, 3)]; then [];
        allowed { [[], [], []] }

    /// In a full cache of three (one entry in main, then the second and the third key in small) the head of small is overwritten
    /// while it is about to be evicted: its successor has a position that was popped.
    ///
    /// Seeded fault: `queue-choice-lost` (who has lost the exchange does not look who stands there now).
    a_victim_is_overwritten: "queue::evict/overwrite", 3, KEEP, holders 2;
        before [Set(1, 1), Set(2, 2), Set(3, 3)], a [Set(4, 4)], b [Set(2, 5)]; then [];
        allowed { [[], [], []] }

    /// The same while it comes to main.
    ///
    /// Seeded fault: `queue-promotes-blind` (who brings an entry to main does not look whether it is still there).
    one_that_comes_to_m_is_overwritten: "queue::promote/overwrite", 3, KEEP, holders 2;
        before [Set(1, 1), Set(2, 2), Set(3, 3), Get(2), Get(2), Get(2)], a [Set(4, 4)], b [Set(2, 5)]; then [];
        allowed { [[], [], []] }

    /// The same while it goes to the end of small: the hand passes the first one, so that it is main's candidate from then on, and has been
    /// used as late as the second.
    ///
    /// Seeded faults: `queue-not-again` (who has put it there does not look whether it is still there), `queue-inherits-blind` (who
    /// overwrites it does not look whether it has another position by now).
    one_that_goes_to_the_end_is_overwritten: "queue::wait again/overwrite", 3, KEEP, holders 2;
        before [
            Set(1, 1), Set(2, 2), Set(3, 3), Get(2), Get(2), Get(2), Get(1), Set(5, 5), Get(2), Get(2), Get(2)
        ],
        a [Set(4, 4)], b [Set(2, 6)]; then [];
        allowed { [[], [], []] }

    /// A newcomer is overwritten before it has a position.
    ///
    /// Seeded fault: `queue-inherits-blind`.
    a_newcomer_is_overwritten: "queue::insert/overwrite", 2, KEEP;
        before [Set(1, 1)], a [Set(2, 2)], b [Set(2, 3)]; then [];
        allowed { [[], [], []] }
}
