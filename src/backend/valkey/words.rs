//! What a server said, without what it may have taken from a request: no value, no user, no password.

use super::settings::ValkeySettings;

/// More than this of a server's words is cut off.
const MOST: usize = 200;

/// Commands that this crate sends; a server may name them.
const COMMANDS: [&str; 18] = [
    "get", "mget", "set", "setex", "exists", "unlink", "scan", "eval", "evalsha", "script",
    "hello", "auth", "select", "ping", "client", "info", "setinfo", "pttl",
];

/// The code and the text of an error reply, made harmless.
pub(super) fn of_server(settings: &ValkeySettings, code: &str, detail: &str) -> String {
    let detail = detail.lines().next().unwrap_or_default();
    // "unknown command 'X', with args beginning with: 'KEY' 'VALUE' ..."
    let detail = detail.split(", with args").next().unwrap_or_default();
    // "User NAME has no permissions ..."
    let detail = match detail
        .strip_prefix("User ")
        .and_then(|rest| rest.split_once(" has no permission"))
    {
        Some((_, rest)) => format!("this user has no permission{rest}"),
        None => detail.to_owned(),
    };
    let mut said = without_quoted(&detail);
    for secret in [&settings.password, &settings.user].into_iter().flatten() {
        if !secret.is_empty() && said.contains(secret.as_str()) {
            said = said.replace(secret.as_str(), "***");
        }
    }
    if let Some((cut, _)) = said.char_indices().nth(MOST) {
        said.truncate(cut);
        said.push('…');
    }
    // A code is one word in capitals; anything else is not one of a server's own.
    let code = if code.len() <= 24 && code.bytes().all(|byte| byte.is_ascii_uppercase()) {
        code
    } else {
        "an error"
    };
    if said.is_empty() {
        code.to_owned()
    } else {
        format!("{code}: {said}")
    }
}

/// Replaces what stands in quotation marks, but for commands and keys of ours.
fn without_quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(['\'', '"', '`']) {
        let mark = rest[start..].chars().next().unwrap_or('\'');
        let inside = &rest[start + 1..];
        // "can't": a letter on either side is no quotation.
        let apostrophe = rest[..start].ends_with(|c: char| c.is_ascii_alphabetic())
            && inside.starts_with(|c: char| c.is_ascii_alphabetic());
        if apostrophe {
            out.push_str(&rest[..=start]);
            rest = inside;
            continue;
        }
        out.push_str(&rest[..start]);
        let Some(end) = inside.find(mark) else {
            // Never closed: what follows may be anything.
            out.push('…');
            return out;
        };
        let quoted = &inside[..end];
        out.push(mark);
        out.push_str(if is_ours(quoted) { quoted } else { "…" });
        out.push(mark);
        rest = &inside[end + 1..];
    }
    out.push_str(rest);
    out
}

fn is_ours(quoted: &str) -> bool {
    let known = |word: &str| COMMANDS.contains(&word.to_ascii_lowercase().as_str());
    quoted.split('|').all(known) || quoted.starts_with(crate::backend::key::WIRE_PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: &str, detail: &str) -> String {
        let settings = ValkeySettings::from_url("valkey://alice:hunter2@h").unwrap();
        of_server(&settings, code, detail)
    }

    #[test]
    fn what_a_server_took_from_a_request_is_left_out() {
        for (code, detail, shown) in [
            (
                "ERR",
                "unknown command 'EVALSHA', with args beginning with: 'abc' '1' 'tux:k' 'VALUE' ",
                "ERR: unknown command 'EVALSHA'",
            ),
            (
                "NOPERM",
                "User alice has no permissions to run the 'client|info' command",
                "NOPERM: this user has no permissions to run the 'client|info' command",
            ),
            (
                "NOPERM",
                "User alice has no permissions to access the 'tux:k' key",
                "NOPERM: this user has no permissions to access the 'tux:k' key",
            ),
            (
                "ERR",
                "I do not like 'VALUE' and \"VALUE\"",
                "ERR: I do not like '…' and \"…\"",
            ),
            ("ERR", "never closed 'VALUE", "ERR: never closed …"),
            ("ERR", "it was hunter2 of alice", "ERR: it was *** of ***"),
            (
                "READONLY",
                "You can't write against a read only replica.",
                "READONLY: You can't write against a read only replica.",
            ),
            ("ERR", "one\nVALUE", "ERR: one"),
            ("VALUE42", "", "an error"),
            ("ERR", "", "ERR"),
        ] {
            assert_eq!(said(code, detail), shown);
        }
        assert!(said("ERR", &"x".repeat(1_000)).len() < 300);
    }
}
