//! The switched texts of small programs.

use super::*;

fn mutant(id: usize, genre: Genre, source: &str, at: &str, replacement: &str) -> Mutant {
    Mutant {
        id,
        name: String::new(),
        file: String::new(),
        genre,
        start: source.find(at).unwrap(),
        end: source.find(at).unwrap() + at.len(),
        replacement: replacement.to_owned(),
    }
}

fn bare(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("/*") {
        out.push_str(&rest[..at]);
        rest = &rest[at + rest[at..].find("*/").unwrap() + 2..];
    }
    (out + rest).replace("crate::mutant_switch::", "")
}

#[test]
fn operators_are_nested_and_only_one_is_changed_at_a_time() {
    let source = "fn f(a: u8, b: u8) -> bool { !(a + b < 3) }";
    let mutants = [
        mutant(1, Genre::BinaryOperator, source, "<", ">"),
        mutant(2, Genre::BinaryOperator, source, "+", "-"),
        mutant(3, Genre::UnaryOperator, source, "!", ""),
        mutant(4, Genre::FnValue, source, "!(a", "true"),
    ];
    let switched = switched(source, &mutants.iter().collect::<Vec<_>>()).unwrap();
    assert_eq!(
        bare(&switched.text),
        "fn f(a: u8, b: u8) -> bool { if on(4) { return true; } (if on(3) { (a + b < 3) } else \
         { !(((if on(1) { (a + b ) > ( 3) } else { ((if on(2) { (a ) - ( b) } else { (a ) + ( b) }) ) < ( 3) }))) }) }"
    );
    assert!(switched.without.is_empty());
    assert!(syn::parse_file(&switched.text).is_ok(), "{}", switched.text);
}

#[test]
fn arms_and_guards() {
    let source = "fn f(a: u8) -> u8 { match a { 0 => 1, x if x > 3 => 2, _ => 3 } }";
    let mutants = [
        mutant(1, Genre::MatchArm, source, "0 =>", ""),
        mutant(2, Genre::MatchArm, source, "x if", ""),
        mutant(3, Genre::MatchArmGuard, source, "x > 3", "true"),
        mutant(4, Genre::BinaryOperator, source, "> 3", "<"),
    ];
    let switched = switched(source, &mutants.iter().collect::<Vec<_>>()).unwrap();
    assert_eq!(switched.without, Vec::<usize>::new());
    let text = bare(&switched.text);
    assert!(text.contains("0 if !on(1) => 1"), "{text}");
    assert!(
        text.contains("!on(2) && ((if on(3) { true } else { (if on(4)"),
        "{text}"
    );
    assert!(syn::parse_file(&switched.text).is_ok(), "{text}");
}

#[test]
fn a_constant_is_changed_where_it_is_used_at_run_time() {
    let source =
        "const A: usize = 8; const B: usize = A; fn f(x: [u8; A]) -> bool { x.len() == A }";
    let mut mutant = mutant(1, Genre::Constant, source, "8", "(8) / 2");
    mutant.name = "file.rs:1: A is half".to_owned();
    let switched = switched(source, &[&mutant]).unwrap();
    assert!(switched.without.is_empty());
    assert_eq!(
        bare(&switched.text),
        "const A: usize = 8; const B: usize = A; fn f(x: [u8; A]) -> bool { x.len() == \
         (if on(1) { A / 2 } else { A }) }"
    );
}

#[test]
fn a_place_belongs_to_the_mutant_around_it() {
    let text = "ab/*m1*/cd/*m2*/ef/*e2*/gh/*e1*/ij";
    let of = |part| mutant_at(text, text.find(part).unwrap());
    assert_eq!(
        [of("ab"), of("cd"), of("ef"), of("gh"), of("ij")],
        [None, Some(1), Some(2), Some(1), None]
    );
}

#[test]
fn a_place_has_the_mutants_of_its_function_around_it() {
    let text =
        "fn f() { /*m1*//*e1*/ }\nimpl A { fn g() { if x { /*m2*//*e2*/ y } /*m3*//*e3*/ } }";
    assert_eq!(mutants_around(text, text.find("y }").unwrap()), [2, 3]);
    assert_eq!(mutants_around(text, 10), [1]);
}

#[test]
fn a_chain_with_let_has_no_switch() {
    let source =
        "fn f(a: Option<u8>) -> bool { if let Some(x) = a && x > 3 { true } else { false } }";
    let mutants = [mutant(1, Genre::BinaryOperator, source, "&&", "||")];
    let switched = switched(source, &mutants.iter().collect::<Vec<_>>()).unwrap();
    assert_eq!(switched.without, [1]);
    assert_eq!(switched.text, source);
}
