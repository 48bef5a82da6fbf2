//! What the Python side takes of a row. It checks every row it reads, and one that it refuses raises there until its TTL
//! ends; so such a row is not written.

use super::rows::{CommandPermission, PermissionAssignment, PermissionRank};

/// In characters, as Python counts them.
const NAME: usize = 100;
const DESCRIPTION: usize = 500;
const COMMAND: usize = 200;

/// `Err` says what is wrong, without the value.
pub(crate) type Checked = Result<(), String>;

pub(super) fn command(row: &CommandPermission) -> Checked {
    if row.command_name.is_empty() {
        return Err("the command's name is empty".to_owned());
    }
    at_most("the command's name", &row.command_name, COMMAND)?;
    described(row.description.as_deref())?;
    times([&row.created_at, &row.updated_at])
}

pub(super) fn rank(row: &PermissionRank) -> Checked {
    at_most("the rank's name", &row.name, NAME)?;
    described(row.description.as_deref())?;
    times([&row.created_at, &row.updated_at])
}

pub(super) fn assignment(row: &PermissionAssignment) -> Checked {
    times([&row.created_at, &row.updated_at])
}

fn described(description: Option<&str>) -> Checked {
    description.map_or(Ok(()), |text| at_most("the description", text, DESCRIPTION))
}

fn at_most(what: &str, text: &str, limit: usize) -> Checked {
    match text.chars().count() {
        length if length > limit => Err(format!(
            "{what} has {length} characters; at most {limit} are allowed"
        )),
        _ => Ok(()),
    }
}

fn times(times: [&Option<String>; 2]) -> Checked {
    for (name, time) in ["created_at", "updated_at"].into_iter().zip(times) {
        if time
            .as_deref()
            .is_some_and(|time| !is_time(time.as_bytes()))
        {
            return Err(format!(
                "{name} is no ISO 8601 time such as 2026-01-02T03:04:05.000678+00:00"
            ));
        }
    }
    Ok(())
}

/// `2026-01-02`, and after it perhaps `T03:04`, `:05`, `.000678` and `Z` or `+00:00`: what every reader on the Python side
/// takes.
fn is_time(text: &[u8]) -> bool {
    read_time(text) == Some(())
}

fn read_time(mut text: &[u8]) -> Option<()> {
    let rest = &mut text;
    let year = digits(rest, 4)?;
    skip(rest, b"-")?;
    let month = digits(rest, 2)?;
    skip(rest, b"-")?;
    let day = digits(rest, 2)?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    if year == 0 || !(1..=days).contains(&day) {
        return None;
    }
    if rest.is_empty() {
        return Some(());
    }
    skip(rest, b"Tt _")?;
    below(rest, 24)?;
    skip(rest, b":")?;
    below(rest, 60)?;
    if skip(rest, b":").is_some() {
        below(rest, 60)?;
        if skip(rest, b".,").is_some() {
            // Python keeps six of them.
            let fraction = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            *rest = rest
                .get(fraction..)
                .filter(|_| (1..=9).contains(&fraction))?;
        }
    }
    if !rest.is_empty() && skip(rest, b"Zz").is_none() {
        skip(rest, b"+-")?;
        below(rest, 24)?;
        // With or without.
        let _ = skip(rest, b":");
        below(rest, 60)?;
    }
    rest.is_empty().then_some(())
}

/// One of these bytes.
fn skip(text: &mut &[u8], any: &[u8]) -> Option<()> {
    let (_, rest) = text
        .split_first()
        .filter(|(first, _)| any.contains(first))?;
    *text = rest;
    Some(())
}

fn digits(text: &mut &[u8], count: usize) -> Option<u32> {
    let (digits, rest) = text.split_at_checked(count)?;
    *text = rest;
    digits.iter().try_fold(0, |number, byte| {
        let digit = char::from(*byte).to_digit(10)?;
        Some(number * 10 + digit)
    })
}

fn below(text: &mut &[u8], limit: u32) -> Option<()> {
    digits(text, 2).filter(|number| *number < limit).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What pydantic 2.14 makes of it as a `datetime`.
    #[test]
    fn times_are_those_that_python_takes() {
        for taken in [
            "2026-01-02T03:04:05.000678+00:00",
            "2026-01-02T03:04:05",
            "2026-01-02 03:04:05",
            "2026-01-02t03:04:05z",
            "2026-01-02_03:04:05",
            "2026-01-02T03:04",
            "2026-01-02T03:04Z",
            "2026-01-02",
            "2026-01-02T03:04:05+0000",
            "2026-01-02T03:04:05,5Z",
            "2026-01-02T03:04:05.123456789Z",
            "2024-02-29T00:00:00Z",
            "2000-02-29",
            "9999-12-31T23:59:59.999999+23:59",
            "2026-01-02T03:04:05-00:00",
            "0001-01-01T00:00:00+14:00",
        ] {
            assert!(is_time(taken.as_bytes()), "{taken}");
        }
        for refused in [
            "",
            "yesterday",
            "20260102T030405",
            "2026-01-02T03:04:05+00",
            "2026-01-02T24:00:00",
            "2026-01-02T03:60:00",
            "2026-01-02T03:04:60Z",
            "2026-02-29T00:00:00Z",
            "1900-02-29",
            "2026-00-01",
            "2026-13-01",
            "2026-04-31",
            "2026-01-00",
            "0000-01-01T00:00:00",
            "2026-01-02T03:04:05+24:00",
            "2026-01-02T03:04:05+23:60",
            " 2026-01-02T03:04:05",
            "2026-01-02T03:04:05 +00:00",
            "2026-01-02 03:04:05 UTC",
            "2026-01-02T03:04:05.",
            "2026-01-02T03:04:05.Z",
            "2026-1-2T03:04:05",
            "2026-W01-1",
            "2026-01-02T",
            "2026-01-02T03",
            "2026-01-02T03:04:",
            "2026-01-02T03:04:05ZZ",
            "+026-01-02",
            "1e3",
        ] {
            assert!(!is_time(refused.as_bytes()), "{refused}");
        }
    }
}
