//! Overwriting a live entry against whatever else may happen to it.

use super::race::race;

race! {
    /// An overwrite while the clock evicts the entry: the value is in its participant, or takes a permit of its own (I1, I2, I3).
    an_overwrite_against_an_eviction: "table::overwrite/evict", 1, KEEP;
        before [Set(1, 0)], a [Set(2, 2), Resident], b [Set(1, 1), Get(1)]; then [Get(1), Len];
        allowed { [[Some(0 | 1)], [None | Some(1)], [None | Some(1..), Some(1)]] }

    /// Two overwrites: both old values go, the last one stays (I2, I4).
    ///
    /// Seeded fault: `overwrite-retires-always` (the loser of the exchange retires the entry too: dropped twice).
    two_overwrites_of_one_entry: "table::overwrite/overwrite", 1, FREE;
        before [Set(1, 0)], a [Set(1, 2)], b [Set(1, 1), Get(1)]; then [Get(1)];
        allowed { [[], [Some(1 | 2)], [Some(1 | 2)]] }

    /// A reader keeps what it found while the entry is overwritten and freed, never misses, and never goes back (R1 to R3, I2,
    /// I4).
    ///
    /// Seeded fault: `publish-relaxed` (the entry is published without Release).
    a_reader_against_an_overwrite: "table::get/overwrite", 1, FREE;
        before [Set(1, 0)], a [Set(1, 1), Set(1, 2)], b [Get(1), Get(1)]; then [];
        allowed { [[], [Some(first), Some(second)], []] if second >= first }

    /// An insert that finds its key live only when it has published: the live entry is its victim (I1, I2, I3).
    an_insert_meets_an_overwrite: "table::insert, overwrite/insert", 1, KEEP;
        before [], a [Set(1, 3)], b [Set(1, 1), Set(1, 2)]; then [Get(1), Len];
        allowed { [[], [], [Some(2 | 3), Some(1)]] }

    /// The same with a permit for each: nobody has to look for a victim.
    an_insert_meets_an_overwrite_with_room: "table::insert, overwrite/insert, with room", 2, KEEP;
        before [], a [Set(1, 3)], b [Set(1, 1), Set(1, 2)]; then [Get(1), Len];
        allowed { [[], [], [Some(2 | 3), Some(1)]] }

    /// What a thread sees of its key after its own insert, while another one inserts it too (I2, I3). A set that another one
    /// overtook before it was live is over at once: a miss until that one is.
    an_insert_is_seen_beside_another: "table::insert, get/insert", 1, KEEP;
        before [], a [Set(1, 2)], b [Set(1, 1), Get(1)]; then [Get(1), Len];
        allowed { [[], [None | Some(1 | 2)], [Some(1 | 2), Some(1)]] }
}
