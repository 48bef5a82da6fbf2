//! The wire forms of what the permission cache keeps.

use super::row::Row;
use super::row_text;
use super::rows::{CommandPermission, CommandRule, MAX_RANK, PermissionRows, UserRank};
use crate::backend::value::vtable::{Internal, ValueVtable, one_vtable};
use crate::backend::{CacheValue, Json};

impl CacheValue for CommandRule {
    fn to_json(&self) -> Json {
        let inner = self.permission().map(Row::to_json);
        Json::from_iter([("_v", inner)])
    }

    fn from_json(json: &Json) -> Option<Self> {
        json.get("_v").and_then(|rule| match rule {
            Json::Null => Some(Self::Unset),
            row => CommandPermission::from_json(row).map(Self::from),
        })
    }

    /// The one form that this library and Python's `json.dumps` write; a bot reads sixty of them at a time.
    fn from_text(text: &[u8]) -> Option<Self> {
        let inner = text.strip_prefix(br#"{"_v": "#)?.strip_suffix(b"}")?;
        match inner {
            b"null" => Some(Self::Unset),
            row => row_text::read(row).map(Self::from),
        }
    }

    one_vtable!(CommandRule);
}

impl<R: Row> CacheValue for PermissionRows<R> {
    fn to_json(&self) -> Json {
        self.iter().map(Row::to_json).collect()
    }

    /// One row of a wrong shape spoils the list: a rank that is left out could allow too much.
    fn from_json(json: &Json) -> Option<Self> {
        json.as_array()
            .and_then(|rows| rows.iter().map(R::from_json).collect())
    }

    fn exceeds(&self, limit: usize) -> bool {
        // One has a few kilobytes at most.
        self.len() > 64 && self.to_json().exceeds(limit)
    }

    #[inline]
    fn vtable(_: Internal) -> &'static ValueVtable {
        R::rows_vtable()
    }
}

impl UserRank {
    fn read(rank: Option<i64>) -> Option<Self> {
        let rank = u8::try_from(rank?).ok()?;
        (rank <= MAX_RANK).then_some(Self(rank))
    }
}

impl CacheValue for UserRank {
    fn to_json(&self) -> Json {
        Json::from(self.0)
    }

    fn from_json(json: &Json) -> Option<Self> {
        Self::read(json.as_i64())
    }

    one_vtable!(UserRank);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the short way reads is what the long way reads; what it does not know it leaves to the long way.
    #[test]
    fn a_text_read_directly_says_what_its_json_says() {
        let mut row = CommandPermission {
            id: 9_223_372_036_854_775_807,
            guild_id: 7,
            command_name: "a \"b\" ü".into(),
            required_rank: 3,
            description: Some("x".into()),
            ..CommandPermission::default()
        };
        let fits = row.clone();
        // 20 digits are left to the long way.
        row.id = u64::MAX;
        for (rule, short) in [
            (CommandRule::from(fits), true),
            (CommandRule::Unset, true),
            (CommandRule::from(row), false),
        ] {
            let text = crate::backend::to_wire_text(&rule.to_json()).unwrap();
            let read = CommandRule::from_text(text.as_bytes());
            assert_eq!(read.is_some(), short, "{text}");
            let read = read.or_else(|| CommandRule::from_json(&text.parse().unwrap()));
            assert_eq!(read, Some(rule), "{text}");
        }
        let whole = r#"{"id": 1, "guild_id": 2, "command_name": "a", "required_rank": 3}"#;
        for text in [
            r#"{"_v": [1, 2, "a", 3, null, null, null]}"#.to_owned(),
            r#"{"_v": {}}"#.to_owned(),
            format!(r#"{{"_v": {whole}, "x": 1}}"#),
            format!(r#"{{"_v": {whole}}}}}"#),
            format!(r#"{{"_v":{whole}}}"#),
            format!(r#"{{"_v": {}}}"#, whole.replace("3}", "300}")),
            r#"{"_v": nulll}"#.to_owned(),
            r#"{"_v": "#.to_owned(),
        ] {
            assert_eq!(CommandRule::from_text(text.as_bytes()), None, "{text}");
        }
    }
}
