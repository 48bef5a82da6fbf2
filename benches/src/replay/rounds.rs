//! What all that plays embedded caches has in common: which caches, and who begins.

use super::args::Args;
use crate::{heap, peers::Contender, with_contender};

/// The caches of this run.
pub(super) fn contenders(args: &Args) -> &'static [Contender] {
    if args.peers {
        &Contender::ALL
    } else {
        &[Contender::TuxCache]
    }
}

/// The contenders in the order of this round: each is first, last and in the middle in turn.
pub(super) fn in_turn(
    contenders: &[Contender],
    round: u32,
) -> impl Iterator<Item = (usize, Contender)> {
    let shift = round as usize % contenders.len();
    (0..contenders.len())
        .map(move |index| (index + shift) % contenders.len())
        .map(|index| (index, contenders[index]))
}

pub(super) fn bytes_per_entry(contender: Contender, capacity: usize) -> Option<f64> {
    with_contender!(contender, <u64, u64>, C => heap::bytes_per_entry::<C>(capacity))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_has_every_contender_and_another_first() {
        let order = |round| {
            in_turn(&Contender::ALL, round)
                .map(|(index, _)| index)
                .collect::<Vec<_>>()
        };
        assert_eq!(order(0), [0, 1, 2, 3, 4, 5]);
        assert_eq!(order(1), [1, 2, 3, 4, 5, 0]);
        assert_eq!(order(6), order(0));
    }
}
