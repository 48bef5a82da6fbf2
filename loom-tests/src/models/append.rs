//! The list that only grows: one place for each, no gaps, one decision (A1 to A3).

use super::check;
use crate::sync::{AppendOnly, Appended, StdArc, thread};

type List = AppendOnly<u32, 3>;

/// Adds a number unless one of the same tens is there; says where one of these tens stands, and which.
fn add(list: &List, number: u32) -> (usize, u32) {
    let known = |at, there: &u32| (*there / 10 == number / 10).then_some((at, *there));
    match list.find_or_append(number, known) {
        Appended::At(at) => (at, number),
        Appended::Known(there) => there,
        Appended::Full => panic!("there are three places for two tens"),
    }
}

fn all(list: &List) -> Vec<u32> {
    list.iter().map(|(_, number)| *number).collect()
}

/// Two threads add what excludes each other, and each something of its own: one of the two stands there, both threads
/// agree on it, nothing is lost, and a reader sees no gap.
///
/// Seeded faults: `append-stored` puts a newcomer in place without an exchange, over another's; `append-unasked` does not
/// ask about the element that has won the place.
#[test]
fn of_two_that_exclude_each_other_one_is_added() {
    check("append::exclude", 3, 100, || {
        let list = StdArc::new(List::new());
        let run = |own: [u32; 2]| {
            let list = StdArc::clone(&list);
            thread::spawn(move || {
                let mine = own.map(|number| add(&list, number));
                let seen = all(&list);
                // A1, A2: what this thread was told is what it sees.
                for (at, number) in mine {
                    assert_eq!(seen.get(at), Some(&number));
                }
                mine
            })
        };
        let (one, other) = (run([11, 21]), run([12, 22]));
        let seen_early = all(&list);
        let (one, other) = (one.join().unwrap(), other.join().unwrap());
        assert_eq!(one, other, "both threads agree");
        let seen = all(&list);
        assert_eq!(seen.len(), 2, "one of each tens: {seen:?}");
        assert!(seen.starts_with(&seen_early), "{seen_early:?} {seen:?}");
    });
}
