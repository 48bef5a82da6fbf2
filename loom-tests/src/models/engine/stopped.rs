//! Threads that stop half-way and never go on: nobody waits for them, even where their entry holds, or is about to hold,
//! the only permit (I1, I3, I7). All caches have one.

use super::race::race;

// A thread has stopped in the middle of a `set`; two others set other keys. Everybody still finds a permit, and what is set last
// is there.
race! {
    a_published_entry_holds_nobody_up: "stopped when published", 1, KEEP;
        before [HaltSetting(2, 1, Stop::Published)],
        a [Set(4, 3)], b [Set(3, 2), Resident]; then [Set(1, 4), Get(1)];
        allowed { [[], [Some(0 | 1)], [Some(4)]] }

    /// Seeded fault: `permit-no-help` (who finds the cache full does not carry the capacity's descriptor out): the setter spins
    /// for ever.
    an_open_record_holds_nobody_up: "stopped when admitting", 1, KEEP;
        before [HaltSetting(2, 1, Stop::Admitting)],
        a [Set(4, 3)], b [Set(3, 2), Resident]; then [Set(1, 4), Get(1)];
        allowed { [[], [Some(0 | 1)], [Some(4)]] }

    /// Seeded fault: `permit-no-last-resort` (an entry that its thread never gave a queue cannot be evicted).
    a_live_entry_outside_the_clock_holds_nobody_up: "stopped when admitted", 1, KEEP;
        before [HaltSetting(2, 1, Stop::Admitted)],
        a [Set(4, 3)], b [Set(3, 2), Resident]; then [Set(1, 4), Get(1)];
        allowed { [[], [Some(0 | 1)], [Some(4)]] }

    a_moved_permit_holds_nobody_up: "stopped when moving", 1, KEEP;
        before [Set(1, 0), HaltSetting(2, 1, Stop::Moving)],
        a [Set(4, 3)], b [Set(3, 2), Resident]; then [Set(1, 4), Get(1)];
        allowed { [[], [Some(0 | 1)], [Some(4)]] }

    a_moved_permit_of_a_live_entry_holds_nobody_up: "stopped when moved", 1, KEEP;
        before [Set(1, 0), HaltSetting(2, 1, Stop::Moved)],
        a [Set(4, 3)], b [Set(3, 2), Resident]; then [Set(1, 4), Get(1)];
        allowed { [[], [Some(0 | 1)], [Some(4)]] }
}

// One setter, and a thread that comes upon the same unfinished change: it carries out whatever it finds begun (nothing has
// expired), or removes the key of the stopped thread. Small enough to be explored to the end.
race! {
    an_open_record_beside_a_set_and_a_sweep: "stopped when admitting, set/sweep", 1, KEEP;
        before [HaltSetting(2, 1, Stop::Admitting)],
        a [Set(3, 3)], b [Sweep, Resident]; then [Get(3), Get(2)];
        allowed { [[], [Some(0), Some(0 | 1)], [Some(3), None]] }

    an_open_record_beside_a_set_and_its_removal: "stopped when admitting, set/remove", 1, KEEP;
        before [HaltSetting(2, 1, Stop::Admitting)],
        a [Set(3, 3)], b [Invalidate(2), Resident]; then [Get(3), Get(2)];
        allowed { [[], [_, Some(0 | 1)], [Some(3), None]] }

    an_admitted_entry_beside_a_set_and_a_sweep: "stopped when admitted, set/sweep", 1, KEEP;
        before [HaltSetting(2, 1, Stop::Admitted)],
        a [Set(3, 3)], b [Sweep, Resident]; then [Get(3), Get(2)];
        allowed { [[], [Some(0), Some(0 | 1)], [Some(3), None]] }

    an_admitted_entry_beside_a_set_and_its_removal: "stopped when admitted, set/remove", 1, KEEP;
        before [HaltSetting(2, 1, Stop::Admitted)],
        a [Set(3, 3)], b [Invalidate(2), Resident]; then [Get(3), Get(2)];
        allowed { [[], [_, Some(0 | 1)], [Some(3), None]] }

    a_moving_permit_beside_a_set_and_a_sweep: "stopped when moving, set/sweep", 1, KEEP;
        before [Set(1, 0), HaltSetting(2, 1, Stop::Moving)],
        a [Set(3, 3)], b [Sweep, Resident]; then [Get(3), Get(2)];
        allowed { [[], [Some(0), Some(0 | 1)], [Some(3), None]] }

    a_moving_permit_beside_a_set_and_its_removal: "stopped when moving, set/remove", 1, KEEP;
        before [Set(1, 0), HaltSetting(2, 1, Stop::Moving)],
        a [Set(3, 3)], b [Invalidate(2), Resident]; then [Get(3), Get(2)];
        allowed { [[], [_, Some(0 | 1)], [Some(3), None]] }

    a_moved_permit_beside_a_set_and_a_sweep: "stopped when moved, set/sweep", 1, KEEP;
        before [Set(1, 0), HaltSetting(2, 1, Stop::Moved)],
        a [Set(3, 3)], b [Sweep, Resident]; then [Get(3), Get(2)];
        allowed { [[], [Some(0), Some(0 | 1)], [Some(3), None]] }

    a_moved_permit_beside_a_set_and_its_removal: "stopped when moved, set/remove", 1, KEEP;
        before [Set(1, 0), HaltSetting(2, 1, Stop::Moved)],
        a [Set(3, 3)], b [Invalidate(2), Resident]; then [Get(3), Get(2)];
        allowed { [[], [_, Some(0 | 1)], [Some(3), None]] }
}

// The key of a stopped inserter can be set, read and invalidated by others (I2, I3, I7). The sweep looks at what every slot names
// (R1).
race! {
    the_key_of_a_published_entry_is_free_to_use: "stopped when published, same key", 1, FREE;
        before [HaltSetting(1, 1, Stop::Published)],
        a [Invalidate(1), Get(1)], b [Set(1, 2), Get(1)]; then [Set(1, 3), Get(1), Len, Sweep];
        allowed { [[_, None | Some(2)], [None | Some(2)], [Some(3), Some(1), _]] }

    the_key_of_an_open_record_is_free_to_use: "stopped when admitting, same key", 1, FREE;
        before [HaltSetting(1, 1, Stop::Admitting)],
        a [Invalidate(1), Get(1)], b [Set(1, 2), Get(1)]; then [Set(1, 3), Get(1), Len, Sweep];
        allowed { [[_, None | Some(2)], [None | Some(2)], [Some(3), Some(1), _]] }

    the_key_of_a_moving_permit_is_free_to_use: "stopped when moving, same key", 1, FREE;
        before [Set(2, 0), HaltSetting(1, 1, Stop::Moving)],
        a [Invalidate(1), Get(1)], b [Set(1, 2), Get(1)]; then [Set(1, 3), Get(1), Len, Sweep];
        allowed { [[_, None | Some(2)], [None | Some(2)], [Some(3), Some(1), _]] }

    /// Seeded fault: `retire-unsettled` (an entry is retired while the slot its permit came from still names it).
    the_key_of_a_moved_permit_is_free_to_use: "stopped when moved, same key", 1, FREE;
        before [Set(2, 0), HaltSetting(1, 1, Stop::Moved)],
        a [Invalidate(1), Get(1)], b [Set(1, 2), Get(1)]; then [Set(1, 3), Get(1), Len, Sweep];
        allowed { [[_, None | Some(2)], [None | Some(2)], [Some(3), Some(1), _]] }

    /// Small enough to be explored to the end.
    ///
    /// Seeded faults: `retire-unsettled`, `settled-as-live`.
    the_key_of_a_moved_permit_is_set_and_removed: "stopped when moved, same key, set/remove", 1, FREE;
        before [Set(2, 0), HaltSetting(1, 1, Stop::Moved)],
        a [Invalidate(1)], b [Set(1, 2)]; then [Get(1), Sweep];
        allowed { [[_], [], [None | Some(2), _]] }
}

// A removal has stopped before its permit is back in the capacity, or before its slot is free.
race! {
    a_leaving_slot_holds_nobody_up: "stopped when leaving", 1, KEEP;
        before [Set(1, 0), HaltInvalidating(1, false)],
        a [Set(1, 2), Get(1)], b [Set(2, 1), Resident]; then [Len, Resident];
        allowed { [[None | Some(1..)], [Some(0 | 1)], [Some(1), Some(1)]] }

    a_counted_leaving_slot_holds_nobody_up: "stopped when leaving, counted", 1, KEEP;
        before [Set(1, 0), HaltInvalidating(1, true)],
        a [Set(1, 2), Get(1)], b [Set(2, 1), Resident]; then [Len, Resident];
        allowed { [[None | Some(1..)], [Some(0 | 1)], [Some(1), Some(1)]] }

    /// Beside one `set` and a thread that carries the removal out too.
    a_leaving_slot_beside_a_set_and_a_sweep: "stopped when leaving, set/sweep", 1, KEEP;
        before [Set(1, 0), HaltInvalidating(1, false)],
        a [Set(2, 2)], b [Sweep, Resident]; then [Get(1), Get(2), Len, Resident];
        allowed { [[], [Some(0), Some(0 | 1)], [None, Some(2), Some(1), Some(1)]] }

    a_counted_leaving_slot_beside_a_set_and_a_sweep: "stopped when leaving, counted, set/sweep", 1, KEEP;
        before [Set(1, 0), HaltInvalidating(1, true)],
        a [Set(2, 2)], b [Sweep, Resident]; then [Get(1), Get(2), Len, Resident];
        allowed { [[], [Some(0), Some(0 | 1)], [None, Some(2), Some(1), Some(1)]] }
}
