//! A member's roles as part of a key, sorted without allocating for all but a few members.

use crate::backend::Roles;
use crate::managers::RoleId;

/// Room on the stack: for most members, and for nearly all. Discord allows 250 roles per guild.
const FEW: usize = 12;
const MANY: usize = 64;

/// Room for up to `N` roles. They are sorted where they are read: moved, they would be copied by other words than they
/// were written by, which costs more than the look-up.
pub(crate) struct Room<const N: usize>([u64; N]);

impl<const N: usize> Room<N> {
    #[inline(always)]
    fn new() -> Self {
        Self([0; N])
    }

    /// The roles in strictly ascending order; `None` when there is no room for them.
    #[inline(always)]
    pub(crate) fn sort<R: Copy + Into<RoleId>>(&mut self, roles: &[R]) -> Option<Roles<'_>> {
        let ids = self.0.get_mut(..roles.len())?;
        for (id, role) in ids.iter_mut().zip(roles) {
            *id = (*role).into().0;
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
        Some(Roles::of(&ids[..kept]))
    }
}

/// Room for the roles of most members.
#[inline(always)]
pub(crate) fn few() -> Room<FEW> {
    Room::new()
}

/// Hands `f` the roles in strictly ascending order.
#[inline(never)]
pub(crate) fn with_sorted<R: Copy + Into<RoleId>, T>(
    roles: &[R],
    f: impl FnOnce(Roles<'_>) -> T,
) -> T {
    if let Some(roles) = few().sort(roles) {
        return f(roles);
    }
    match Room::<MANY>::new().sort(roles) {
        Some(roles) => f(roles),
        None => f(Roles::sort(
            &mut roles.iter().map(|role| (*role).into().0).collect(),
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
