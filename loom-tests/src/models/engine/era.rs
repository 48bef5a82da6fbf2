//! The word that counts clears and epochs: neither takes the other back.

use super::super::check;
use crate::engine::policy::EraWord;
use crate::sync::{StdArc, thread};

/// Seeded faults: `epoch-takes-clear-back` (an epoch is begun by a store), `clear-yields-to-epoch` (a clear is given up for
/// an epoch, so that who must sweep for it sweeps again and again).
#[test]
fn a_clear_against_epochs() {
    check("era::clear/epoch", 3, 100, || {
        let word = StdArc::new(EraWord::new());
        let other = thread::spawn({
            let word = StdArc::clone(&word);
            move || {
                word.begin_epoch();
                let seen = word.load();
                word.begin_epoch();
                assert!(word.load().clears() >= seen.clears(), "I5: clears go on");
            }
        });
        let now = word.load();
        assert!(word.clear(now), "who clears starts again for an epoch");
        assert_eq!(word.clears(), 1, "I5: seen by who has cleared");
        other.join().unwrap();
        let end = word.load();
        assert_eq!(end.clears(), 1, "I5: a clear was lost");
        assert!(end.epoch() <= 2);
    });
}
