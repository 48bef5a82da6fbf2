//! A member's roles as part of a key, sorted without allocating for all but a few members.

use crate::backend::Roles;

/// Room on the stack: for most members, and for nearly all. Discord allows 250 roles per guild.
const FEW: usize = 12;
const MANY: usize = 64;

/// Hands `f` the roles in strictly ascending order. For most members all of it is a part of the caller.
#[inline(always)]
pub(crate) fn with_sorted<R: Copy + Into<u64>, T>(
    roles: &[R],
    f: impl FnOnce(Roles<'_>) -> T,
) -> T {
    match roles.len() {
        few if few <= FEW => with_room::<FEW, R, T>(roles, f),
        _ => with_many_sorted(roles, f),
    }
}

/// The same out of line, for the others.
#[inline(never)]
fn with_many_sorted<R: Copy + Into<u64>, T>(roles: &[R], f: impl FnOnce(Roles<'_>) -> T) -> T {
    match roles.len() {
        many if many <= MANY => with_room::<MANY, R, T>(roles, f),
        _ => f(Roles::sort(
            &mut roles.iter().map(|role| (*role).into()).collect(),
        )),
    }
}

/// The same for at most `N` roles.
#[inline(always)]
fn with_room<const N: usize, R: Copy + Into<u64>, T>(
    roles: &[R],
    f: impl FnOnce(Roles<'_>) -> T,
) -> T {
    let mut ids = [0_u64; N];
    let ids = &mut ids[..roles.len()];
    for (id, role) in ids.iter_mut().zip(roles) {
        *id = (*role).into();
    }
    let mut kept = ids.len();
    if !ids.is_sorted_by(|a, b| a < b) {
        ids.sort_unstable();
        kept = 1;
        for at in 1..ids.len() {
            if ids[at] != ids[kept - 1] {
                ids[kept] = ids[at];
                kept += 1;
            }
        }
    }
    f(Roles::of(&ids[..kept]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(roles: &[u64]) -> Vec<u64> {
        with_sorted(roles, |roles| roles.as_slice().to_vec())
    }

    #[test]
    fn roles_are_sorted_and_unique_inline_and_beyond() {
        assert!(sorted(&[]).is_empty());
        assert_eq!(sorted(&[9, 5, 9, 1]), [1, 5, 9]);
        let many: Vec<u64> = (0..200).map(|at| at * 7 % 100).collect();
        assert_eq!(sorted(&many), (0..100).collect::<Vec<_>>());
        let few: Vec<u64> = (0..MANY as u64).rev().collect();
        assert_eq!(sorted(&few), (0..MANY as u64).collect::<Vec<_>>());
    }
}
