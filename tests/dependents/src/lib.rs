//! Texts as Discord sends them; the tests say what the crates of others make of them.

/// A slash command was used. Fractions, exponents, whole numbers of both kinds.
pub const INTERACTION: &str = r#"{
    "id": "5", "application_id": "1", "type": 2, "token": "t", "version": 1,
    "channel": {"id": "400", "type": 0}, "channel_id": "400", "guild_id": null,
    "locale": "en-GB", "entitlements": [], "authorizing_integration_owners": {}, "context": 0,
    "app_permissions": "0", "attachment_size_limit": 10485760,
    "user": {"id": "7", "username": "u", "discriminator": "0", "avatar": null},
    "data": {"id": "3", "name": "scale", "type": 1, "options": [
        {"name": "fraction", "type": 10, "value": 2.5},
        {"name": "exponent", "type": 10, "value": 1e2},
        {"name": "both", "type": 10, "value": -2.5E-3},
        {"name": "large", "type": 10, "value": 123456789012345678901234567890},
        {"name": "whole", "type": 10, "value": 3},
        {"name": "integer", "type": 4, "value": -9007199254740991}
    ]}
}"#;

/// What `INTERACTION` says of its options.
pub const NUMBERS: [(&str, f64); 5] = [
    ("fraction", 2.5),
    ("exponent", 100.0),
    ("both", -0.0025),
    ("large", 123_456_789_012_345_678_901_234_567_890.0),
    ("whole", 3.0),
];

/// Somebody is typing a fraction. Twilight takes a number here, too, serenity only what Discord sends: a text.
pub const FOCUSED: &str = r#"{"name": "typed", "type": 10, "value": "0.5", "focused": true}"#;
pub const FOCUSED_NUMBER: &str = r#"{"name": "typed", "type": 10, "value": 0.5, "focused": true}"#;

/// An option of a command's definition.
pub const DEFINITION: &str = r#"{
    "name": "by", "description": "How much", "type": 10, "min_value": 0.5, "max_value": 1e3,
    "choices": [{"name": "quarter", "value": 0.25}, {"name": "ten", "value": 1e1}]
}"#;
