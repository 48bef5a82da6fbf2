//! A member's roles as part of a key, sorted without allocating for all but a few members.

use crate::backend::Roles;

/// Room on the stack: for most members, and for nearly all. Discord allows 250 roles per guild.
const FEW: usize = 12;
const MANY: usize = 64;

/// Up to `N` roles in strictly ascending order.
pub(crate) struct Sorted<const N: usize> {
    ids: [u64; N],
    kept: usize,
}

impl<const N: usize> Sorted<N> {
    /// `None` when there is no room for them.
    #[inline(always)]
    fn of<R: Copy + Into<u64>>(roles: &[R]) -> Option<Self> {
        let mut all = [0_u64; N];
        let ids = all.get_mut(..roles.len())?;
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
        Some(Self { ids: all, kept })
    }

    /// The roles.
    #[inline(always)]
    pub(crate) fn roles(&self) -> Roles<'_> {
        Roles::of(&self.ids[..self.kept])
    }
}

/// The roles of most members; `None` for the others. All of it is a part of the caller.
#[inline(always)]
pub(crate) fn few<R: Copy + Into<u64>>(roles: &[R]) -> Option<Sorted<FEW>> {
    Sorted::of(roles)
}

/// Hands `f` the roles in strictly ascending order.
#[inline(never)]
pub(crate) fn with_sorted<R: Copy + Into<u64>, T>(
    roles: &[R],
    f: impl FnOnce(Roles<'_>) -> T,
) -> T {
    if let Some(sorted) = few(roles) {
        return f(sorted.roles());
    }
    match Sorted::<MANY>::of(roles) {
        Some(sorted) => f(sorted.roles()),
        None => f(Roles::sort(
            &mut roles.iter().map(|role| (*role).into()).collect(),
        )),
    }
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
