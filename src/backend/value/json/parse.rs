//! From a text to a value: hifijson's lexer, and a list of what is open instead of recursion.

use std::fmt;
use std::mem;

use hifijson::num::LexWrite as _;
use hifijson::str::LexAlloc as _;
use hifijson::token::Lex as _;
use hifijson::{Expect, Read as _, SliceLexer};

use super::{Json, JsonNumber, JsonObject, MAX_DEPTH};

/// Why a text is no JSON, and where.
#[derive(Debug)]
pub(crate) struct Wrong {
    at: usize,
    error: hifijson::Error,
}

/// Without a byte of the text: it may be a secret.
impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            hifijson::Error::Depth => {
                write!(f, "nested deeper than {MAX_DEPTH} lists and objects")?;
            }
            hifijson::Error::Num(_) => f.write_str("a digit expected")?,
            hifijson::Error::Str(_) => {
                f.write_str("a string that ends early, is not UTF-8, or has a wrong escape")?;
            }
            hifijson::Error::Token(expected) => write!(f, "{expected} expected")?,
        }
        write!(f, " near byte {}", self.at)
    }
}

/// A list or an object that has not ended.
enum Open {
    Array(Vec<Json>),
    /// The name whose value is being read.
    Object(JsonObject, String),
}

/// Reads exactly one value.
pub(crate) fn parse(text: &[u8]) -> Result<Json, Wrong> {
    let mut lexer = SliceLexer::new(text);
    value(&mut lexer).map_err(|error| Wrong {
        at: text.len() - lexer.as_slice().len(),
        error,
    })
}

fn value(lexer: &mut SliceLexer<'_>) -> Result<Json, hifijson::Error> {
    let mut open: Vec<Open> = Vec::new();
    loop {
        let mut read = match lexer.ws_peek().ok_or(Expect::Value)? {
            first @ (b'[' | b'{') => {
                if open.len() == MAX_DEPTH {
                    return Err(hifijson::Error::Depth);
                }
                lexer.take_next();
                match (first, lexer.ws_peek().ok_or(Expect::ValueOrEnd)?) {
                    (b'[', b']') => {
                        lexer.take_next();
                        Json::Array(Vec::new())
                    }
                    (b'{', b'}') => {
                        lexer.take_next();
                        Json::Object(JsonObject::new())
                    }
                    (b'[', _) => {
                        open.push(Open::Array(Vec::new()));
                        continue;
                    }
                    _ => {
                        open.push(Open::Object(JsonObject::new(), name(lexer)?));
                        continue;
                    }
                }
            }
            b'"' => Json::String(string(lexer)?),
            b'-' | b'0'..=b'9' => {
                let (text, parts) = lexer.num_string().validated()?;
                Json::Number(JsonNumber::lexed(text, parts.is_int()))
            }
            _ => match lexer.null_or_bool().ok_or(Expect::Value)? {
                None => Json::Null,
                Some(value) => Json::Bool(value),
            },
        };
        // Put it where it belongs, and on with what ends there.
        loop {
            let Some(innermost) = open.last_mut() else {
                return match lexer.ws_peek() {
                    None => Ok(read),
                    Some(_) => Err(Expect::Eof.into()),
                };
            };
            match innermost {
                Open::Array(items) => {
                    items.push(read);
                    match lexer.ws_peek() {
                        Some(b',') => {
                            lexer.take_next();
                            break;
                        }
                        Some(b']') => read = Json::Array(mem::take(items)),
                        _ => return Err(Expect::CommaOrEnd.into()),
                    }
                }
                Open::Object(object, key) => {
                    object.insert(mem::take(key), read);
                    match lexer.ws_peek() {
                        Some(b',') => {
                            lexer.take_next();
                            *key = name(lexer)?;
                            break;
                        }
                        Some(b'}') => read = Json::Object(mem::take(object)),
                        _ => return Err(Expect::CommaOrEnd.into()),
                    }
                }
            }
            lexer.take_next();
            open.pop();
        }
    }
}

/// A name and its colon.
fn name(lexer: &mut SliceLexer<'_>) -> Result<String, hifijson::Error> {
    if lexer.ws_peek() != Some(b'"') {
        return Err(Expect::String.into());
    }
    let name = string(lexer)?;
    lexer
        .expect(SliceLexer::ws_peek, b':')
        .ok_or(Expect::Colon)?;
    Ok(name)
}

/// The string that a text begins with, and what follows it.
pub(crate) fn leading_string(text: &[u8]) -> Option<(String, &[u8])> {
    if text.first() != Some(&b'"') {
        return None;
    }
    let mut lexer = SliceLexer::new(text);
    let string = string(&mut lexer).ok()?;
    Some((string, lexer.as_slice()))
}

/// The lexer stands at its quote.
fn string(lexer: &mut SliceLexer<'_>) -> Result<String, hifijson::Error> {
    Ok(lexer.discarded().str_string()?.into_owned())
}
