//! A table against a sequential list of leases.

use super::tests::nth;
use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Op {
    Lease(usize, Option<u64>),
    Drop(usize),
    Void(usize),
    Claim(usize),
    ClaimForLong(usize),
    Group(u64),
    All,
}

fn op() -> impl Strategy<Value = Op> {
    let key = 0..24_usize;
    prop_oneof![
        6 => (key.clone(), proptest::option::of(1..4_u64)).prop_map(|(k, g)| Op::Lease(k, g)),
        3 => any::<usize>().prop_map(Op::Drop),
        4 => key.prop_map(Op::Void),
        2 => any::<usize>().prop_map(Op::Claim),
        1 => any::<usize>().prop_map(Op::ClaimForLong),
        1 => (1..4_u64).prop_map(Op::Group),
        1 => Just(Op::All),
    ]
}

proptest! {
    /// Against a list of leases and whether they hold. On a table with a cell for each key the answers are the same; on
    /// one on which keys must share, no void lease holds.
    #[test]
    fn a_board_is_a_list_of_leases(ops in proptest::collection::vec(op(), 1..200), narrow: bool) {
        let levels = if narrow { [1, 1] } else { [8, 32] };
        let table = Arc::new(LeaseTable::sized(1, levels).unwrap());
        let mut out: Vec<(usize, Option<u64>, bool, Lease)> = Vec::new();
        for op in ops {
            let at = |n: usize, out: &Vec<_>| (!out.is_empty()).then(|| n % out.len());
            match op {
                Op::Lease(key, group) => {
                    out.push((key, group, true, table.lease_in(nth(key), group, || 0)));
                }
                Op::Drop(n) => if let Some(at) = at(n, &out) {
                    drop(out.swap_remove(at));
                }
                Op::Void(key) => {
                    table.void(nth(key));
                    out.iter_mut().filter(|o| o.0 == key).for_each(|o| o.2 = false);
                }
                Op::Claim(n) => if let Some(at) = at(n, &out) {
                    let claimed = out[at].3.claim(0).is_some();
                    prop_assert!(claimed == out[at].2 || narrow && !claimed);
                    if claimed {
                        let key = out[at].0;
                        out.iter_mut().filter(|o| o.0 == key).for_each(|o| o.2 = false);
                    }
                }
                Op::ClaimForLong(n) => if let Some(at) = at(n, &out) {
                    let claimed = out[at].3.claim_for_long();
                    prop_assert!(claimed == out[at].2 || narrow && !claimed);
                    if claimed {
                        let key = out[at].0;
                        out.iter_mut().filter(|o| o.0 == key).for_each(|o| o.2 = false);
                        out[at].2 = true;
                    }
                }
                Op::Group(group) => {
                    table.void_reached(Reached::Group(group));
                    let reached = |of: Option<u64>| of.is_none_or(|of| of == group);
                    out.iter_mut().filter(|o| reached(o.1)).for_each(|o| o.2 = false);
                }
                Op::All => {
                    table.void_reached(Reached::Everything);
                    out.iter_mut().for_each(|o| o.2 = false);
                }
            }
            for (key, _, holds, lease) in &out {
                let valid = lease.is_valid(0);
                prop_assert!(valid == *holds || narrow && !valid, "the lease on {key}: {valid}");
            }
        }
        let left = out.len();
        drop(out);
        prop_assert_eq!(table.out.load(Ordering::SeqCst), 0, "of {}", left);
    }
}
