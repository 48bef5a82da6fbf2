//! The commands of removals.

use redis::Cmd;

/// UNLINK of one key or several.
pub(super) fn unlink<K: AsRef<[u8]>>(keys: &[K]) -> Cmd {
    let mut cmd = Cmd::new();
    cmd.arg("UNLINK");
    for key in keys {
        cmd.arg(key.as_ref());
    }
    cmd
}

/// A pattern that matches exactly the texts that start with `prefix`.
pub(super) fn glob(prefix: &str) -> String {
    let mut pattern = String::with_capacity(prefix.len() + 8);
    for c in prefix.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '^' | '-' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('*');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t34_glob_characters_are_taken_literally() {
        assert_eq!(glob(r"tux:a*[b]?\-^"), r"tux:a\*\[b\]\?\\\-\^*");
    }
}
