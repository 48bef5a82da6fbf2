//! R1 to R3 with one thread, in both forms of the fence.

use super::*;

fn both_forms(check: fn(&Domain)) {
    check(&Domain::new(|| false));
    check(&Domain::new(membarrier::is_available));
}

#[test]
fn r3_a_batch_waits_for_the_readers_of_its_seal_and_no_others() {
    both_forms(|domain| {
        let (a, b) = (domain.acquire(), domain.acquire());
        let inside = a.enter();
        let mut grace = domain.seal();
        let later = b.enter();
        assert!(!grace.has_elapsed());
        drop(inside);
        assert!(grace.has_elapsed(), "b entered after the seal");
        drop(later);
    });
}

#[test]
fn r3_leaving_and_entering_again_counts_as_left() {
    both_forms(|domain| {
        let a = domain.acquire();
        let first = a.enter();
        let mut grace = domain.seal();
        drop(first);
        let _second = a.enter();
        assert!(grace.has_elapsed());
    });
}

#[test]
fn nested_guards_leave_with_the_outermost() {
    both_forms(|domain| {
        let a = domain.acquire();
        let outer = a.enter();
        drop(a.enter());
        let mut grace = domain.seal();
        assert!(!grace.has_elapsed());
        drop(outer);
        assert!(grace.has_elapsed());
    });
}

#[test]
fn participants_are_reused_unless_a_guard_was_leaked() {
    both_forms(|domain| {
        let a = domain.acquire();
        domain.release(a);
        let b = domain.acquire();
        assert!(ptr::eq(a, b));
        std::mem::forget(b.enter());
        domain.release(b);
        assert!(!ptr::eq(b, domain.acquire()));
    });
}

/// The short guard holds back like any other, by itself, and there is one of it.
#[test]
fn r3_a_batch_waits_for_turns_and_for_nesting_guards() {
    both_forms(|domain| {
        let a = domain.acquire();
        let pin = a.try_pin();
        assert!(pin.is_some() && a.try_pin().is_none());
        let mut of_pin = domain.seal();
        let nested = a.enter();
        let mut of_both = domain.seal();
        drop(pin);
        assert!(of_pin.has_elapsed() && !of_both.has_elapsed());
        let again = a.try_pin();
        assert!(again.is_some());
        drop(nested);
        assert!(of_both.has_elapsed(), "this pin is another one");
        domain.release(a);
        assert!(!ptr::eq(a, domain.acquire()), "a guard is open");
        drop(again);
        domain.release(a);
        assert!(ptr::eq(a, domain.acquire()));
    });
}

/// The owner-only tables are indexed by it.
#[test]
fn participants_have_numbers_of_their_own() {
    both_forms(|domain| {
        let participants = [domain.acquire(), domain.acquire(), domain.acquire()];
        assert_eq!(participants.map(Participant::id), [0, 1, 2]);
        domain.release(participants[1]);
        assert!(ptr::eq(domain.acquire(), participants[1]));
        assert_eq!(domain.acquire().id(), 3);
    });
}

/// The hit path indexes by a fast participant's number without a look, and enters it without a fence.
#[test]
fn fast_participants_are_light_and_their_numbers_bounded() {
    static LIGHT: Domain = Domain::new(|| true);
    static FENCED: Domain = Domain::new(|| false);
    for id in 0..FAST_PARTICIPANTS + 2 {
        let fast = Fast::of(LIGHT.acquire());
        assert_eq!(
            fast.map(Fast::place),
            (id < FAST_PARTICIPANTS).then_some(id)
        );
    }
    assert!(Fast::of(FENCED.acquire()).is_none());
}

#[cfg(target_os = "linux")]
#[test]
fn the_system_is_believed_only_when_it_agrees() {
    assert!(!membarrier::call(-1), "no such command");
    // 0 asks what there is; 8 is the registration, 16 the fence.
    // SAFETY: three integers.
    let known = unsafe { libc::syscall(libc::SYS_membarrier, 0, 0, 0) };
    assert_eq!(membarrier::is_available(), known > 0 && known & 24 == 24);
    assert_eq!(membarrier::fence_all(), membarrier::is_available());
}
