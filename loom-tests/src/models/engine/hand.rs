//! Rooms on their way through a thread's hand: one exchange less, and one more place where a room can be (I1, G2).

use super::race::race;

race! {
    /// Two threads evict from a full cache of two, each with the victim's room in hand.
    two_rooms_in_two_hands: "hand::evict/evict", 2, KEEP, hands 2;
        before [Set(1, 0), Set(2, 1)], a [Set(4, 3)], b [Set(3, 2), Observe]; then [Len, Resident, Evictions];
        allowed { [[], [], [Some(2), Some(2), Some(2)]] }

    /// One of them does so by way of the victim's lane.
    a_room_in_a_hand_and_one_in_a_lane: "hand::evict/evict by the lane", 2, KEEP, hands 1;
        before [Set(1, 0), Set(2, 1)], a [Set(4, 3)], b [Set(3, 2), Observe]; then [Len, Resident, Evictions];
        allowed { [[], [], [Some(2), Some(2), Some(2)]] }

    /// A newcomer is killed while its room is in its thread's hand: the room goes back to the ledger (I1).
    ///
    /// Seeded fault: `hand-keeps-room` (it does not).
    a_newcomer_killed_with_its_room_in_hand: "hand::evict/invalidate the newcomer", 1, KEEP, hands 1;
        before [Set(2, 0)], a [Set(1, 1)], b [Invalidate(1), Observe]; then [Get(1)];
        allowed { [[], [_], [None | Some(1)]] }

    /// Two inserts of one key into a full cache: who kills the other one does not get the room that it has in hand (I1, I2, I3).
    two_inserts_of_one_key_with_rooms_in_hand: "hand::insert/insert, one key", 2, KEEP, hands 2;
        before [Set(2, 0), Set(3, 1)], a [Set(1, 3)], b [Set(1, 2)]; then [Get(1), Observe];
        allowed { [[], [], [Some(2 | 3)]] }

    /// The victim is overwritten while its room is taken; memory is freed at once (I4, R1).
    a_victim_that_is_overwritten: "hand::evict/overwrite", 2, FREE, hands 2;
        before [Set(1, 0), Set(2, 1)], a [Set(3, 3)], b [Set(1, 2)]; then [Observe];
        allowed { [[], [], []] }

    /// The victim is removed meanwhile.
    a_victim_that_is_removed: "hand::evict/remove", 2, FREE, hands 2;
        before [Set(1, 0), Set(2, 1)], a [Set(3, 3)], b [Invalidate(1)]; then [Observe];
        allowed { [[], [_], []] }

    /// A second thread counts the live entries while a room passes through a hand (I1).
    the_bound_holds_while_a_room_is_in_hand: "hand::evict/observe", 1, KEEP, hands 1;
        before [Set(1, 0)], a [Set(2, 1)], b [Observe, Observe]; then [];
        allowed { [[], [], []] }

    /// A thread has stopped with a room in its hand: the others go on with those that are left (I1, I3, I7).
    a_stopped_hand_holds_nobody_up: "stopped when holding, set/set", 2, KEEP;
        before [Set(1, 0), Set(2, 1), HaltSetting(3, 2, Stop::Holding)],
        a [Set(5, 4)], b [Set(4, 3), Resident]; then [Set(1, 5), Get(1), Observe];
        allowed { [[], [Some(0..=2)], [Some(5)]] }
}
