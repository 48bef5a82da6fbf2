//! What names a processor or an allocator.
//!
//! Comparisons of several bytes at once ([`matching_bytes`], [`matching_words`]); memory, and what is asked of it before it is needed
//! ([`zeros`], [`prefetch`]); and two steps of a hit and one of an insert in as few instructions as they take ([`equal_bytes`],
//! [`holds`], [`equal_tags`]): what the compiler makes of atomic loads is a load, a register and then a comparison, where a comparison
//! can read memory itself.
//!
//! A processor overlaps as many hits as there is room for between those that have begun and those that have ended, and each
//! instruction takes a place there (`docs/performance-notes.md`, "What bounds a hit"). All read words that others write, as atomic
//! loads do: the two as Relaxed ones, that of an insert as `SeqCst` ones, which are plain loads here. The portable forms are what the model checker and the counting builds see, and
//! processors other than x86-64 run.

#[cfg(any(test, not(target_arch = "x86_64"), any(tux_loom, tux_count, miri)))]
mod portable;
pub(crate) mod prefetch;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(not(all(target_arch = "x86_64", not(any(tux_loom, tux_count, miri)))))]
pub(super) use portable::{equal_bytes, equal_tags, holds};
#[cfg(not(target_arch = "x86_64"))]
pub(super) use portable::{matching_bytes, matching_words};
#[cfg(all(target_arch = "x86_64", not(any(tux_loom, tux_count, miri))))]
pub(super) use x86_64::{equal_bytes, equal_tags, holds};
#[cfg(target_arch = "x86_64")]
pub(super) use x86_64::{matching_bytes, matching_words};

#[cfg(all(test, not(any(tux_loom, tux_count))))]
mod tests {
    use crate::sync::{AtomicU32, AtomicU64, Ordering};

    #[test]
    fn matching_finds_every_equal_byte() {
        const HASH: u64 = 0x0706_0504_0302_0100;
        for matching in [super::matching_bytes, super::portable::matching_bytes] {
            assert_eq!(matching(HASH, HASH), 0xff);
            assert_eq!(matching(!HASH, HASH), 0);
            for at in 0..8 {
                let byte = 0xff << (8 * at);
                assert_eq!(matching(HASH & byte | !HASH & !byte, HASH), 1 << at);
                assert_eq!(
                    matching(!HASH & byte | HASH & !byte, HASH),
                    0xff & !(1 << at)
                );
            }
            assert_eq!(
                matching(0x0100_ff01_0000_8001, 0x0101_0101_0101_0101),
                0b1001_0001
            );
            assert_eq!(matching(0x0100_ff01_0000_8001, 0), 0b100_1100);
        }
    }

    #[test]
    fn matching_finds_every_equal_word() {
        for matching in [super::matching_words, super::portable::matching_words] {
            for way in 0..12 {
                let mut words = [0x4141_4141_4141_4141; 3];
                words[way / 4] ^= 0xffff << (way % 4 * 16);
                assert_eq!(matching(words, 0xbebe), 1 << way);
                assert_eq!(matching(words, 0x4141), 0xfff & !(1 << way));
                assert_eq!(matching(words, 0x4142), 0);
            }
        }
    }

    #[repr(align(16))]
    struct Line([AtomicU64; 2]);

    #[test]
    fn equal_bytes_are_those_of_the_first_word() {
        const HASH: u64 = 0x0706_0504_0302_0101;
        let of = |word, next| {
            let line = Line([AtomicU64::new(word), AtomicU64::new(next)]);
            // SAFETY: two words, aligned so. The eighth byte is no slot's, and may be left out.
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
    fn equal_tags_are_those_of_the_seven_words_behind_the_first() {
        #[repr(align(64))]
        struct Line([AtomicU64; 8]);
        const TAG: u16 = 0x8041;
        let of = |words: [u64; 8]| {
            let line = Line(words.map(AtomicU64::new));
            let in_rust = || {
                let words = line.0.iter().skip(1).enumerate();
                words.fold(0, |equal, (at, word)| {
                    equal | u32::from(word.load(Ordering::SeqCst) as u16 == TAG) << at
                })
            };
            // SAFETY: a line of eight words.
            let found = unsafe { super::equal_tags(line.0.as_ptr(), TAG, in_rust) };
            assert_eq!(found, in_rust());
            found
        };
        let (tagged, other) = (0xffff_1234_0000_8041, 0x8041_8041_8041_8040);
        assert_eq!(of([tagged; 8]), 0x7f);
        assert_eq!(of([other; 8]), 0);
        for at in 0..8 {
            let mut words = [other; 8];
            words[at] = tagged;
            assert_eq!(of(words), 1 << at >> 1, "word {at}");
            let mut words = [tagged; 8];
            words[at] = other;
            assert_eq!(of(words), 0x7f & !(1 << at >> 1), "word {at}");
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
