//! Two steps of a hit in as few instructions as they take: what the compiler makes of atomic loads is a load, a register and then a
//! comparison, where a comparison can read memory itself.
//!
//! A processor overlaps as many hits as there is room for between those that have begun and those that have ended, and each
//! instruction takes a place there (`docs/performance-notes.md`, "What bounds a hit"). Both steps read words that others write, as Relaxed atomic
//! loads do. The portable forms are what the model checker and the counting builds see, and
//! processors other than x86-64 run.

pub(crate) mod zeros;

#[cfg(all(target_arch = "x86_64", not(any(tux_loom, tux_count, miri))))]
mod x86_64;
#[cfg(all(target_arch = "x86_64", not(any(tux_loom, tux_count, miri))))]
pub(super) use x86_64::{equal_bytes, holds};

#[cfg(not(all(target_arch = "x86_64", not(any(tux_loom, tux_count, miri)))))]
mod portable;
#[cfg(not(all(target_arch = "x86_64", not(any(tux_loom, tux_count, miri)))))]
pub(super) use portable::{equal_bytes, holds};

#[cfg(all(test, not(any(tux_loom, tux_count))))]
mod tests {
    use crate::sync::{AtomicU32, AtomicU64, Ordering};

    #[repr(align(16))]
    struct Line([AtomicU64; 2]);

    #[test]
    fn equal_bytes_are_those_of_the_first_word() {
        const HASH: u64 = 0x0706_0504_0302_0101;
        let of = |word, next| {
            let line = Line([AtomicU64::new(word), AtomicU64::new(next)]);
            // SAFETY: two words, aligned so. The eighth byte is no lane's, and may be left out.
            unsafe { super::equal_bytes(line.0.as_ptr(), HASH) & 0x7f }
        };
        for next in [0, u64::MAX, HASH] {
            assert_eq!(of(HASH, next), 0x7f);
            assert_eq!(of(!HASH, next), 0);
            for at in 0..7 {
                let byte = 0xff << (8 * at);
                assert_eq!(of(HASH & byte | !HASH & !byte, next), 1 << at);
            }
        }
    }

    #[test]
    fn a_word_is_what_it_is() {
        struct Holder(
            #[expect(dead_code, reason = "stands before")] u64,
            AtomicU32,
        );
        let holder = Holder(7, AtomicU32::new(5));
        let in_rust = |word| holder.1.load(Ordering::Relaxed) == word;
        for word in [5, 4, 7, 0, u32::MAX] {
            const AT: usize = std::mem::offset_of!(Holder, 1);
            // SAFETY: there is the word.
            let answer = unsafe { super::holds::<_, AT>(&holder, word, || in_rust(word)) };
            assert_eq!(answer, in_rust(word));
        }
    }
}
