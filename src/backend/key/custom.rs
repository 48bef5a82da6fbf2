//! Families of an application's own: which prefixes there are, and the keys behind them.
//!
//! A prefix is declared once per process, when the first cache of its family is made, and stays. The list of prefixes only
//! grows ([`AppendOnly`]): it is read without a lock, and a child of `fork` has what its parent had.
//!
//! # One entry, whoever names it
//!
//! - **N1** No declared prefix is another one's beginning up to a `:`, nor that of a family of this library, nor the other
//!   way round. So a text belongs to one family at most, and a family's removals reach its own keys alone.
//! - **N2** The text of a key and the key are inverse to each other, for every form: numbers are written without sign and
//!   leading zeros, and beside a number stands at most one text, whose other end is the end of the key or its prefix.
//! - **N3** What a text means changes once at most: from a text of its own to a key of a family, at the declaration.
//!
//! N3 is what memory has to live with, for there the two are two entries. (Every other store goes by the text.) An entry
//! that was written by its text before the declaration is not found any more: a cache may forget. It does no harm either:
//! whoever parses the text from now on gets the family's key, so nobody reads, writes or removes the old entry; it is
//! removed when a cache of the family is made on its store, or expires, or is evicted. A call that has parsed its text just
//! before the declaration and ends after it overlaps with every call that knows the family, so it may count as the first
//! of them: a read saw what stood there before, a removal removed it, and what a write wrote was forgotten at the
//! declaration. Only who keeps a [`Key`](super::Key) across the declaration keeps the old meaning, and should not.

use super::parts::{KeyFamily, KeyKind, parse_id};
use crate::error::{Error, Result};
use crate::sync::{AppendOnly, Appended};

/// How many prefixes a process can declare.
pub(crate) const MAX_FAMILIES: usize = 1_024;

/// The longest prefix, in bytes.
const MAX_PREFIX_BYTES: usize = 128;

/// What the keys of a family are made of, in the order in which they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyForm {
    /// `{prefix}:{number}`
    Number,
    /// `{prefix}:{number}:{number}`
    Numbers,
    /// `{prefix}:{text}`
    Text,
    /// `{prefix}:{number}:{text}`
    NumberText,
    /// `{prefix}:{text}:{number}`
    TextNumber,
}

impl KeyForm {
    /// Whether keys begin with a number, by which they are grouped.
    #[must_use]
    pub const fn has_groups(self) -> bool {
        !matches!(self, Self::Text | Self::TextNumber)
    }

    fn text(self) -> &'static str {
        match self {
            Self::Number => "{number}",
            Self::Numbers => "{number}:{number}",
            Self::Text => "{text}",
            Self::NumberText => "{number}:{text}",
            Self::TextNumber => "{text}:{number}",
        }
    }
}

/// A declared family of keys: a prefix and a form. Two bytes of it say which prefix, two which form: the kind of its keys as
/// it is, so that a look-up need not put it together.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CustomFamily(u32);

/// What was declared.
struct Declaration {
    /// With the `:` behind it.
    prefix: Box<str>,
    form: KeyForm,
    /// Who declared it first, for messages.
    name: &'static str,
}

static DECLARED: AppendOnly<Declaration, MAX_FAMILIES> = AppendOnly::new();

impl CustomFamily {
    /// No family: it has no keys.
    pub(crate) const NONE: Self = Self::new(u16::MAX, KeyForm::Text);

    const fn new(number: u16, form: KeyForm) -> Self {
        Self(number as u32 | (form as u32 + 1) << 16)
    }

    /// Declares a family, or finds it: `name` is for people, `prefix` is what its keys begin with (without `tux:`). The
    /// same prefix with the same form is the same family, whoever declares it. O(declared families).
    ///
    /// # Errors
    /// Kind `Config` for a prefix that no key can have, for one that is in another's way (both are named), and beyond
    /// 1,024 families.
    pub fn declare(name: &'static str, prefix: &str, form: KeyForm) -> Result<Self> {
        check_prefix(name, prefix)?;
        let text = format!("{prefix}:");
        let known = |number, there: &Declaration| {
            if *there.prefix == *text && there.form == form {
                return Some(Ok(number));
            }
            in_the_way(prefix, there).then(|| {
                let there_prefix = there.prefix.trim_end_matches(':');
                Err(Error::config(format!(
                    "the family {name:?} cannot have the prefix {prefix:?} with keys \"{prefix}:{}\": the family {:?} \
                     has the keys \"{there_prefix}:{}\"; choose a prefix that is not the beginning of the other",
                    form.text(),
                    there.name,
                    there.form.text(),
                )))
            })
        };
        let declaration = Declaration {
            prefix: text.as_str().into(),
            form,
            name,
        };
        let number = match DECLARED.find_or_append(declaration, known) {
            Appended::At(number) => number,
            Appended::Known(number) => number?,
            Appended::Full => {
                return Err(Error::config(format!(
                    "the family {name:?} is one too many: a process can have {MAX_FAMILIES} families of its own; a \
                     family is a kind of values, what differs from value to value belongs into its keys"
                )));
            }
        };
        let number = u16::try_from(number).map_err(|_| Error::config("too many families"))?;
        Ok(Self::new(number, form))
    }

    /// What the keys are made of.
    #[must_use]
    pub const fn form(self) -> KeyForm {
        match self.0 >> 16 {
            1 => KeyForm::Number,
            2 => KeyForm::Numbers,
            4 => KeyForm::NumberText,
            5 => KeyForm::TextNumber,
            _ => KeyForm::Text,
        }
    }

    /// The text that the keys begin with, without `tux:`, with the `:` behind it.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        // Only `declare` and `of_kind` make one, of numbers that are there.
        DECLARED.get(self.number()).map_or("", |it| &it.prefix)
    }

    /// Its number, below [`MAX_FAMILIES`].
    pub(crate) fn number(self) -> usize {
        (self.0 & 0xffff) as usize
    }

    #[inline(always)]
    pub(super) const fn kind(self) -> KeyKind {
        KeyKind::custom(self.0)
    }

    /// The family whose kind this is.
    #[inline(always)]
    pub(super) fn of_kind(kind: KeyKind) -> Self {
        Self(kind.custom_bits())
    }

    /// The key of a text that begins with the prefix, after which stands `rest`.
    fn parse(self, rest: &str) -> Option<KeyParts<'_>> {
        Some(match self.form() {
            KeyForm::Number => KeyParts::new(parse_id(rest)?, 0, None),
            KeyForm::Numbers => {
                let (first, second) = rest.split_once(':')?;
                KeyParts::new(parse_id(first)?, parse_id(second)?, None)
            }
            KeyForm::Text => KeyParts::new(0, 0, Some(rest)),
            KeyForm::NumberText => {
                let (first, text) = rest.split_once(':')?;
                KeyParts::new(parse_id(first)?, 0, Some(text))
            }
            // From the end: the text may have any number of colons.
            KeyForm::TextNumber => {
                let (text, second) = rest.rsplit_once(':')?;
                KeyParts::new(0, parse_id(second)?, Some(text))
            }
        })
    }
}

impl std::fmt::Debug for CustomFamily {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CustomFamily({}{})", self.prefix(), self.form().text())
    }
}

/// What a key consists of behind its prefix. Numbers that its form does not have are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyParts<'a> {
    pub(crate) first: u64,
    pub(crate) second: u64,
    pub(crate) text: Option<&'a str>,
}

impl<'a> KeyParts<'a> {
    #[inline(always)]
    pub(crate) const fn new(first: u64, second: u64, text: Option<&'a str>) -> Self {
        Self {
            first,
            second,
            text,
        }
    }

    /// The text; an empty one if there is none.
    pub(crate) fn text(&self) -> &'a str {
        self.text.unwrap_or_default()
    }
}

impl CustomFamily {
    /// The number that a key begins with, by which it is grouped; `None` if it begins with a text.
    pub(super) const fn group(self, parts: &KeyParts<'_>) -> Option<u64> {
        if self.form().has_groups() {
            Some(parts.first)
        } else {
            None
        }
    }

    /// Writes the text of a key.
    pub(super) fn write(
        self,
        parts: &KeyParts<'_>,
        f: &mut std::fmt::Formatter<'_>,
    ) -> std::fmt::Result {
        let (prefix, first, second, text) =
            (self.prefix(), parts.first, parts.second, parts.text());
        match self.form() {
            KeyForm::Number => write!(f, "{prefix}{first}"),
            KeyForm::Numbers => write!(f, "{prefix}{first}:{second}"),
            KeyForm::Text => write!(f, "{prefix}{text}"),
            KeyForm::NumberText => write!(f, "{prefix}{first}:{text}"),
            KeyForm::TextNumber => write!(f, "{prefix}{text}:{second}"),
        }
    }
}

/// The key of a declared family that a text (without `tux:`) is. O(declared families).
pub(super) fn parse(text: &str) -> Option<(CustomFamily, KeyParts<'_>)> {
    // By N1 no second one fits.
    let (family, rest) = DECLARED.iter().find_map(|(number, there)| {
        let rest = text.strip_prefix(&*there.prefix)?;
        let number = u16::try_from(number).ok()?;
        Some((CustomFamily::new(number, there.form), rest))
    })?;
    Some((family, family.parse(rest)?))
}

/// Whether one of the two prefixes begins with the other, up to a `:`.
fn in_the_way(prefix: &str, there: &Declaration) -> bool {
    begins_with(&there.prefix, prefix)
        || begins_with(&format!("{prefix}:"), there.prefix.trim_end_matches(':'))
}

fn begins_with(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|rest| rest.starts_with(':'))
}

/// Whether keys can begin so, and no family of this library is in the way.
fn check_prefix(name: &str, prefix: &str) -> Result<()> {
    let wrong = |what: &str| {
        Err(Error::config(format!(
            "the family {name:?} cannot have the prefix {prefix:?}: {what}; a prefix is letters, digits, '_', '-' and \
             '.', in one part or several with ':' between them, such as \"warn\" or \"bot:warn\""
        )))
    };
    if prefix.len() > MAX_PREFIX_BYTES {
        return wrong("it is longer than 128 bytes");
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
    if !prefix.bytes().all(allowed) {
        return wrong("it has a character that a prefix cannot have");
    }
    if prefix.split(':').any(str::is_empty) {
        return wrong("a part of it is empty");
    }
    if prefix.split(':').next() == Some("tux") {
        return wrong("\"tux:\" stands before every key already");
    }
    for family in KeyFamily::ALL {
        let there = family.prefix().trim_end_matches(':');
        if there == prefix
            || begins_with(there, prefix)
            || begins_with(&format!("{prefix}:"), there)
        {
            return Err(Error::config(format!(
                "the family {name:?} cannot have the prefix {prefix:?}: the library's own {family:?} has the keys \
                 \"{there}:…\"; choose a prefix that is not the beginning of the other"
            )));
        }
    }
    Ok(())
}
