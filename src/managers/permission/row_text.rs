//! A command's row as `json.dumps` and this library write it, read without the general parser: a bot reads sixty of them
//! at a time, and that was half of what it waited for. Whatever is written in another way is left to the general parser.

use super::rows::CommandPermission;
use crate::backend::leading_string;

/// What is still to be read.
struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    fn skip(&mut self, expected: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    /// Up to 19 digits without a zero in front: they fit.
    fn number(&mut self) -> Option<u64> {
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit());
        let length = digits.count();
        if length == 0 || length > 19 || (length > 1 && self.0[0] == b'0') {
            return None;
        }
        let (digits, rest) = self.0.split_at(length);
        self.0 = rest;
        let digit = |number: u64, byte: &u8| number * 10 + u64::from(byte - b'0');
        Some(digits.iter().fold(0, digit))
    }

    fn string(&mut self) -> Option<String> {
        let (string, rest) = leading_string(self.0)?;
        self.0 = rest;
        Some(string)
    }

    fn string_or_null(&mut self) -> Option<Option<String>> {
        if self.skip(b"null").is_some() {
            return Some(None);
        }
        self.string().map(Some)
    }
}

/// `None` says nothing.
pub(super) fn read(text: &[u8]) -> Option<CommandPermission> {
    let mut text = Text(text);
    text.skip(b"{\"id\": ")?;
    let id = text.number()?;
    text.skip(b", \"guild_id\": ")?;
    let guild_id = text.number()?;
    text.skip(b", \"command_name\": ")?;
    let command_name = text.string()?;
    text.skip(b", \"required_rank\": ")?;
    let required_rank = u8::try_from(text.number()?).ok()?;
    text.skip(b", \"description\": ")?;
    let description = text.string_or_null()?;
    text.skip(b", \"created_at\": ")?;
    let created_at = text.string_or_null()?;
    text.skip(b", \"updated_at\": ")?;
    let updated_at = text.string_or_null()?;
    (text.0 == b"}").then_some(CommandPermission {
        id,
        guild_id,
        command_name,
        required_rank,
        description,
        created_at,
        updated_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::managers::permission::row::Row;
    use proptest::prelude::*;

    proptest! {
        /// What it reads is what the general parser reads; what that refuses it does not read.
        #[test]
        fn the_short_way_says_what_the_long_way_says(
            id in "0|[1-9][0-9]{0,20}|0[0-9]|-1|1\\.0|",
            rank in "[0-9]{1,3}",
            name in "[ -~é]{0,12}",
            description in "null|nul|\"[ -~]{0,6}\"|\"\\\\u00e9\"|\"\\\\ud83d(\\\\ude00)?\"|\"\\\\[nq\"]|\u{1}|7",
            end in "\\}|\\} |\\}\\}|",
        ) {
            let text = format!(
                "{{\"id\": {id}, \"guild_id\": 2, \"command_name\": \"{name}\", \"required_rank\": {rank}, \
                 \"description\": {description}, \"created_at\": null, \"updated_at\": \"x\"{end}"
            );
            let long = text.parse().ok().and_then(|json| CommandPermission::from_json(&json));
            if let Some(short) = read(text.as_bytes()) {
                prop_assert_eq!(Some(short), long, "{}", text);
            }
        }
    }

    #[test]
    fn what_is_written_is_read_the_short_way() {
        let row = CommandPermission {
            id: 7,
            guild_id: 1_234_567_890_123_456_789,
            command_name: "ban list".into(),
            required_rank: 10,
            description: None,
            created_at: Some("2026-01-02T03:04:05.000678+00:00".into()),
            updated_at: None,
        };
        let text = crate::backend::to_wire_text(&row.to_json()).unwrap();
        assert_eq!(read(text.as_bytes()), Some(row));
        assert_eq!(read(b""), None);
    }
}
