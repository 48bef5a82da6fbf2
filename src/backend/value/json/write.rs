//! From a value to a text, without recursion: the depth is that of a list.

use std::fmt::{self, Write};
use std::slice;

use super::{Json, JsonNumber};

/// How a text looks.
pub(crate) trait Style {
    const COMMA: &'static str;
    const COLON: &'static str;

    /// Whether a byte of a string stands for itself.
    fn is_plain(byte: u8) -> bool;

    /// A character whose bytes are not all plain.
    fn escape<W: Write>(c: char, out: &mut W) -> fmt::Result;

    fn number<W: Write>(number: &JsonNumber, out: &mut W) -> fmt::Result;
}

/// Why nothing whole was written.
#[derive(Debug)]
pub(crate) enum Failed {
    /// What is written to takes no more.
    Full,
    TooDeep,
}

impl From<fmt::Error> for Failed {
    fn from(_: fmt::Error) -> Self {
        Self::Full
    }
}

/// The rest of a list or an object.
enum Rest<'a> {
    Array(slice::Iter<'a, Json>),
    Object(indexmap::map::Iter<'a, String, Json>),
}

/// Writes a value that is nested at most `max_depth` deep.
pub(crate) fn write<S: Style, W: Write>(
    json: &Json,
    max_depth: usize,
    out: &mut W,
) -> Result<(), Failed> {
    let mut open: Vec<Rest<'_>> = Vec::new();
    let mut next = Some(json);
    loop {
        if let Some(json) = next.take() {
            match json {
                Json::Null => out.write_str("null")?,
                Json::Bool(true) => out.write_str("true")?,
                Json::Bool(false) => out.write_str("false")?,
                Json::Number(number) => S::number(number, out)?,
                Json::String(text) => string::<S, W>(text, out)?,
                Json::Array(_) | Json::Object(_) if open.len() >= max_depth => {
                    return Err(Failed::TooDeep);
                }
                Json::Array(items) => {
                    out.write_char('[')?;
                    let mut items = items.iter();
                    next = items.next();
                    open.push(Rest::Array(items));
                }
                Json::Object(object) => {
                    out.write_char('{')?;
                    let mut entries = object.entries();
                    next = entry::<S, W>(entries.next(), out)?;
                    open.push(Rest::Object(entries));
                }
            }
            if next.is_some() {
                continue;
            }
        }
        match open.last_mut() {
            None => return Ok(()),
            Some(Rest::Array(items)) => match items.next() {
                Some(item) => {
                    out.write_str(S::COMMA)?;
                    next = Some(item);
                }
                None => {
                    out.write_char(']')?;
                    open.pop();
                }
            },
            Some(Rest::Object(entries)) => match entries.next() {
                Some(found) => {
                    out.write_str(S::COMMA)?;
                    next = entry::<S, W>(Some(found), out)?;
                }
                None => {
                    out.write_char('}')?;
                    open.pop();
                }
            },
        }
    }
}

/// Writes a name; the value comes next.
fn entry<'a, S: Style, W: Write>(
    found: Option<(&String, &'a Json)>,
    out: &mut W,
) -> Result<Option<&'a Json>, Failed> {
    let Some((name, value)) = found else {
        return Ok(None);
    };
    string::<S, W>(name, out)?;
    out.write_str(S::COLON)?;
    Ok(Some(value))
}

fn string<S: Style, W: Write>(text: &str, out: &mut W) -> fmt::Result {
    out.write_char('"')?;
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| !S::is_plain(byte)) {
        // A byte that is not plain begins a character: the bytes within one are all alike in that.
        let (plain, special) = rest.split_at(at);
        out.write_str(plain)?;
        let mut chars = special.chars();
        if let Some(c) = chars.next() {
            S::escape(c, out)?;
        }
        rest = chars.as_str();
    }
    out.write_str(rest)?;
    out.write_char('"')
}

/// The escapes that every style has.
pub(crate) fn escape_ascii<W: Write>(c: char, out: &mut W) -> fmt::Result {
    match c {
        '"' => out.write_str("\\\""),
        '\\' => out.write_str("\\\\"),
        '\u{8}' => out.write_str("\\b"),
        '\u{c}' => out.write_str("\\f"),
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        _ => write!(out, "\\u{:04x}", u32::from(c)),
    }
}

/// No blanks, nothing escaped that need not be.
pub(crate) struct Compact;

impl Style for Compact {
    const COMMA: &'static str = ",";
    const COLON: &'static str = ":";

    fn is_plain(byte: u8) -> bool {
        byte >= b' ' && !matches!(byte, b'"' | b'\\')
    }

    fn escape<W: Write>(c: char, out: &mut W) -> fmt::Result {
        escape_ascii(c, out)
    }

    fn number<W: Write>(number: &JsonNumber, out: &mut W) -> fmt::Result {
        write!(out, "{number}")
    }
}
