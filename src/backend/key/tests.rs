//! Declared families: N1 to N3, for every form of key.

use std::hash::{BuildHasher, RandomState};

use proptest::prelude::*;

use super::owned::AsKeyRef;
use super::set::{Reach, starts_with};
use super::*;
use crate::error::{ErrorKind, Result};

/// One family of each form.
fn declared() -> [CustomFamily; 5] {
    [
        ("k2:n", KeyForm::Number),
        ("k2:nn", KeyForm::Numbers),
        ("k2:t", KeyForm::Text),
        ("k2:nt", KeyForm::NumberText),
        ("k2:tn", KeyForm::TextNumber),
    ]
    .map(|(prefix, form)| CustomFamily::declare("a test's", prefix, form).unwrap())
}

fn custom(key: &Key) -> Option<(CustomFamily, KeyParts<'_>)> {
    match key.as_key_ref() {
        KeyRef::Custom { family, parts } => Some((family, parts)),
        _ => None,
    }
}

#[test]
fn n2_every_form_has_its_text() {
    let [n, nn, t, nt, tn] = declared();
    let text = Some;
    let cases = [
        (n, KeyParts::new(7, 0, None), "k2:n:7", Some(7)),
        (nn, KeyParts::new(7, 8, None), "k2:nn:7:8", Some(7)),
        (t, KeyParts::new(0, 0, text("a:b c")), "k2:t:a:b c", None),
        (t, KeyParts::new(0, 0, text("")), "k2:t:", None),
        (nt, KeyParts::new(7, 0, text("8:9")), "k2:nt:7:8:9", Some(7)),
        (nt, KeyParts::new(7, 0, text("")), "k2:nt:7:", Some(7)),
        (tn, KeyParts::new(0, 8, text("a:9")), "k2:tn:a:9:8", None),
        (tn, KeyParts::new(0, 8, text("")), "k2:tn::8", None),
    ];
    for (family, parts, text, group) in cases {
        let key = KeyRef::Custom { family, parts };
        assert_eq!(key.to_string(), text);
        assert_eq!(key.to_wire(), format!("tux:{text}"));
        assert_eq!(Key::parse(text).as_key_ref(), key, "{text}");
        assert_eq!(key.to_key().as_key_ref(), key, "{text}");
        assert_eq!((key.guild(), key.family()), (group, None), "{text}");
    }
}

#[test]
fn n2_what_no_key_is_written_as_is_an_entry_of_its_own() {
    let _ = declared();
    for text in [
        "k2:n:",
        "k2:n:07",
        "k2:n:7:8",
        "k2:n:+7",
        "k2:nn:7",
        "k2:nn:7:",
        "k2:nn:7:08",
        "k2:nn:7:8:9",
        "k2:nt:7",
        "k2:nt:x:7",
        "k2:tn:8",
        "k2:tn:a:",
        "k2:tn:a:x",
        "k2:t",
        "k2",
        "k2:",
        "N2:n:7",
    ] {
        let key = Key::parse(text);
        assert!(custom(&key).is_none(), "{text}");
        assert_eq!(key.to_string(), text);
    }
}

/// A key costs no more for the families there are, and a look-up by either form finds it.
#[test]
fn every_form_of_a_declared_key_hashes_alike() {
    assert_eq!((size_of::<Key>(), size_of::<KeyRef<'_>>()), (48, 40));
    let _ = declared();
    let hasher = RandomState::new();
    for text in ["k2:n:7", "k2:nn:7:8", "k2:t:a", "k2:nt:7:a", "k2:tn:a:8"] {
        let key = Key::parse(text);
        assert!(custom(&key).is_some(), "{text}");
        let lent: &dyn AsKeyRef = &key;
        let hash = hasher.hash_one(&key);
        assert_eq!(hash, hasher.hash_one(key.as_key_ref()), "{text}");
        assert_eq!(hash, hasher.hash_one(lent), "{text}");
        if let Some(head) = key.as_key_ref().numeric_head() {
            assert_eq!(hash, hasher.hash_one(head), "{text}");
        }
    }
}

/// Families of one form keep their keys apart, in `Eq` and nearly always in the hash.
#[test]
fn the_same_numbers_under_many_prefixes_are_many_keys() {
    let families: Vec<CustomFamily> = (0..200)
        .map(|n| {
            CustomFamily::declare("one of many", &format!("many{n}"), KeyForm::Numbers).unwrap()
        })
        .collect();
    let hasher = RandomState::new();
    let keys: Vec<Key> = families
        .iter()
        .map(|family| {
            let parts = KeyParts::new(183_109_337_186_500_608, 2, None);
            KeyRef::Custom {
                family: *family,
                parts,
            }
            .to_key()
        })
        .collect();
    let mut hashes: Vec<u64> = keys.iter().map(|key| hasher.hash_one(key)).collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), keys.len());
    for (at, key) in keys.iter().enumerate() {
        assert_eq!(keys.iter().position(|other| other == key), Some(at));
    }
}

fn told(declared: Result<CustomFamily>) -> String {
    let error = declared.expect_err("a prefix in the way");
    assert_eq!(error.kind(), ErrorKind::Config);
    error.to_string()
}

#[test]
fn n1_prefixes_in_each_others_way_are_an_error_that_names_both() {
    let declare = |name, prefix: &str, form| CustomFamily::declare(name, prefix, form);
    let first = declare("firsts", "k1:first", KeyForm::Numbers).unwrap();
    // The same again is the same family, whoever asks.
    assert_eq!(
        declare("others", "k1:first", KeyForm::Numbers).unwrap(),
        first
    );
    for (prefix, form) in [
        ("k1:first", KeyForm::Number),
        ("k1", KeyForm::Text),
        ("k1:first:deeper", KeyForm::Numbers),
    ] {
        let text = told(declare("seconds", prefix, form));
        for part in ["\"seconds\"", "\"firsts\"", prefix, "k1:first:{number}"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
    // Only up to a colon is it the beginning.
    declare("seconds", "k1:firsts", KeyForm::Text).unwrap();
    declare("seconds", "k1:fir", KeyForm::Text).unwrap();
    for prefix in [
        "prefix",
        "prefix:mine",
        "perm",
        "perm:command_permission:x",
        "case",
        "jail_status",
    ] {
        let text = told(declare("mine", prefix, KeyForm::Text));
        assert!(
            text.contains("\"mine\"") && text.contains("the library's own"),
            "{text}"
        );
    }
    declare("mine", "perm:mine", KeyForm::Text).unwrap();
    for prefix in [
        "",
        ":",
        "a:",
        ":a",
        "a::b",
        "a b",
        "a*",
        "a\n",
        "é",
        "tux",
        "tux:a",
        &"a".repeat(129),
    ] {
        let text = told(declare("mine", prefix, KeyForm::Text));
        assert!(text.contains("such as \"warn\""), "{text}");
    }
    declare("mine", &"a".repeat(128), KeyForm::Text).unwrap();
}

/// N1 under load: however threads come, of two prefixes in each other's way one is declared.
#[test]
fn n1_of_two_in_each_others_way_one_is_declared() {
    for round in 0..50 {
        let (outer, inner) = (format!("race{round}"), format!("race{round}:in"));
        let start = std::sync::Barrier::new(2);
        let won = std::thread::scope(|scope| {
            let threads = [&outer, &inner].map(|prefix| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    CustomFamily::declare("a racer", prefix, KeyForm::Text).is_ok()
                })
            });
            threads.map(|thread| thread.join().unwrap())
        });
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
    }
}

fn near_keys() -> impl Strategy<Value = String> {
    let prefix = prop::sample::select(vec!["k2:n", "k2:nn", "k2:t", "k2:nt", "k2:tn"]);
    let part = prop_oneof!["[0-9]{1,3}", "[0-9]{18,21}", "[+0 ]?[0-9]{0,2}", ".{0,4}",];
    let parts = prop::collection::vec(part, 0..4);
    (prefix, parts).prop_map(|(prefix, parts)| format!("{prefix}:{}", parts.join(":")))
}

proptest! {
    #[test]
    fn n2_text_and_key_are_inverse(text in near_keys()) {
        let families = declared();
        let key = Key::parse(&text);
        prop_assert_eq!(key.to_string(), text.clone());
        prop_assert_eq!(Key::parse(&key.as_key_ref().to_wire()), key.clone());
        if let Some((family, parts)) = custom(&key) {
            prop_assert!(families.contains(&family));
            prop_assert_eq!(KeyRef::Custom { family, parts }.to_key(), key);
        }
    }

    #[test]
    fn n2_two_keys_of_a_family_have_two_texts(
        form in 0_usize..5,
        numbers in prop::array::uniform4(0_u64..12),
        texts in prop::array::uniform2("[a:1 ]{0,3}"),
    ) {
        let family = declared()[form];
        let key = |at: usize| {
            let (first, second) = (numbers[2 * at], numbers[2 * at + 1]);
            let parts = match family.form() {
                KeyForm::Number => KeyParts::new(first, 0, None),
                KeyForm::Numbers => KeyParts::new(first, second, None),
                KeyForm::Text => KeyParts::new(0, 0, Some(&texts[at])),
                KeyForm::NumberText => KeyParts::new(first, 0, Some(&texts[at])),
                KeyForm::TextNumber => KeyParts::new(0, second, Some(&texts[at])),
            };
            KeyRef::Custom { family, parts }.to_key()
        };
        let (one, other) = (key(0), key(1));
        prop_assert_eq!(one == other, one.to_string() == other.to_string());
        prop_assert_eq!(Key::parse(&one.to_string()), one);
    }

    /// A set reaches by text, for keys of declared families as for all others.
    #[test]
    fn starts_with_is_that_of_the_text(text in near_keys(), cut in 0_usize..30, group in 0_u64..20) {
        let families = declared();
        let key = Key::parse(&text);
        let cut = (0..=cut.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
        let mut prefixes = vec![text[..cut].to_owned(), format!("{text}x")];
        for family in families {
            for set in [KeySet::Custom(family), KeySet::CustomGroup(family, group)] {
                match set.reach() {
                    Reach::Prefix(prefix) => prefixes.push(prefix),
                    Reach::Key(alone) => {
                        prop_assert_eq!(alone.to_string() == text, Key::parse(&text) == alone.to_key());
                    }
                }
            }
        }
        for prefix in prefixes {
            prop_assert_eq!(starts_with(key.as_key_ref(), &prefix), text.starts_with(&prefix));
        }
    }
}
