//! The word that counts clears and epochs: neither takes the other back.

use super::super::check;
use crate::engine::clock::EraWord;
use crate::sync::{StdArc, thread};

/// Seeded fault: `epoch-takes-clear-back` (an epoch is begun by a store).
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
        let cleared = loop {
            let now = word.load();
            if word.clear(now) {
                break now.clears() + 1;
            }
        };
        assert_eq!(word.clears(), cleared, "I5: seen by who has cleared");
        other.join().unwrap();
        let end = word.load();
        assert_eq!(end.clears(), 1, "I5: a clear was lost");
        assert!(end.epoch() <= 2);
    });
}
