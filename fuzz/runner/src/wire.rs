//! What a Python process may have put into the shared server, and what a user may put into a URL.

use tux_cache::backend::{Json, Key, ValkeySettings, Value, from_wire_text, to_wire_text};

/// A value, a key or a URL.
pub fn wire(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    match kind % 4 {
        0 => value(&text),
        1 => key(&text),
        2 => two_keys(&text),
        _ => url(&text),
    }
}

/// What JSON is, serde_json says too; but it knows no numbers of any size.
fn parsed(text: &str) {
    match (text.parse::<Json>(), text.parse::<serde_json::Value>()) {
        (Ok(ours), theirs) => {
            let written = ours.to_string();
            assert_eq!(written.parse().ok().as_ref(), Some(&ours), "{text:?}");
            match theirs {
                Ok(theirs) => assert_eq!(kind(&ours), kind(&Json::from(theirs)), "{text:?}"),
                Err(error) => assert!(
                    error.to_string().contains("out of range"),
                    "{error}: {text:?}"
                ),
            }
            // Not every number fits, but nothing else stands in the way.
            if let Ok(value) = serde_json::Value::try_from(&ours) {
                assert_eq!(kind(&Json::from(value)), kind(&ours), "{text:?}");
            }
        }
        (Err(_), theirs) => assert!(theirs.is_err(), "{text:?}"),
    }
}

fn kind(json: &Json) -> std::mem::Discriminant<Json> {
    std::mem::discriminant(json)
}

fn value(text: &str) {
    parsed(text);
    let json = from_wire_text(text);
    let held = Value::from_json(json.clone());
    assert_eq!(held.to_json(), json, "a value changes inside the cache");
    // Too deep is an error, never a panic or a cut value.
    let Ok(written) = to_wire_text(&json) else {
        return;
    };
    assert!(
        written.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
        "not ASCII: {written}"
    );
    let read = from_wire_text(&written);
    assert_eq!(
        kind(&read),
        kind(&json),
        "{text:?} was written as {written:?}"
    );
    if let Json::String(string) = &json {
        assert_eq!(
            read.as_str(),
            Some(string.as_str()),
            "a string changes on the wire"
        );
    }
    // Numbers may be spelled anew (1E5 as 100000.0), but only once.
    assert_eq!(
        to_wire_text(&read).ok().as_ref(),
        Some(&written),
        "written twice, {text:?} differs"
    );
}

fn key(text: &str) {
    let key = Key::parse(text);
    let wire = key.as_key_ref().to_wire();
    let expected = if text.starts_with("tux:") {
        text.to_owned()
    } else {
        format!("tux:{text}")
    };
    assert_eq!(wire, expected, "a key is another one on the wire");
    assert_eq!(
        Key::parse(&wire),
        key,
        "a key changes on its way through the wire"
    );
    assert_eq!(
        key.as_key_ref().to_key(),
        key,
        "borrowed and owned forms differ"
    );
}

/// Equal keys have equal texts, and the other way round.
fn two_keys(text: &str) {
    let (one, other) = text.split_once('\n').unwrap_or((text, ""));
    let (a, b) = (Key::parse(one), Key::parse(other));
    let same = a.as_key_ref().to_wire() == b.as_key_ref().to_wire();
    assert_eq!(a == b, same, "{one:?} and {other:?}");
    key(one);
    key(other);
}

fn url(text: &str) {
    const SECRET: &str = "s3cr3t-pa55word";
    let schemes = ["valkey", "valkeys", "redis", "rediss", "unix", "http", ""];
    let (scheme, rest) = match text.as_bytes().first() {
        Some(&first) if text.is_char_boundary(1) => {
            (schemes[usize::from(first) % schemes.len()], &text[1..])
        }
        _ => ("valkey", text),
    };
    let and = if rest.contains('?') { '&' } else { '?' };
    for url in [
        text.to_owned(),
        format!("{scheme}://{rest}"),
        format!("{scheme}://user:{SECRET}@{rest}"),
        format!("{scheme}://:{SECRET}@{rest}"),
        format!("{scheme}://{rest}{and}pass={SECRET}"),
    ] {
        let told = match ValkeySettings::from_url(&url) {
            Ok(settings) => format!("{settings:?}"),
            Err(error) => {
                let told = error.to_string();
                assert!(!told.is_empty(), "an error that says nothing");
                format!("{told} {error:?}")
            }
        };
        assert!(!told.contains(SECRET), "a password is told: {told}");
    }
}
