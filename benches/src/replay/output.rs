//! Standard output and the files of a run.

use std::fmt::Write as _;

use serde::Serialize;

use crate::{
    out::{self, Failure},
    peers::Contender,
    plot::{self, Series},
    record::{MachineCard, Place},
    run::Outcome,
    table::grouped,
};

/// Prints to standard output.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    out::print(text).map_err(Failure::Run)
}

pub(crate) fn print_json(document: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(document).map_err(|error| Failure::Run(error.to_string()))?;
    print(&format!("{text}\n"))
}

/// What a reader must know about each cache in the table.
pub(crate) fn fairness(contenders: &[Contender]) -> String {
    let mut text = String::new();
    for contender in contenders {
        let _ = writeln!(text, "  {:<13} {}", contender.name(), contender.fairness());
    }
    text
}

/// Writes record and plots, and says where they are.
pub(crate) fn save(
    what: &str,
    card: &MachineCard,
    record: &impl Serialize,
    outcomes: &[Outcome],
    optimum: &[(usize, f64)],
) -> Result<String, Failure> {
    let place = place(what, card)?;
    let mut text = place.record(record).map_err(Failure::Run)?;
    for (name, plot) in [
        ("hit-ratio", hit_ratio(what, outcomes, optimum)),
        ("latency", latency(what, outcomes)),
    ] {
        if let Some(plot) = plot {
            text += &place.plot(name, &plot).map_err(Failure::Run)?;
        }
    }
    Ok(text)
}

fn place(what: &str, card: &MachineCard) -> Result<Place, Failure> {
    Place::new(card, &file_name(what), false).map_err(Failure::Run)
}

/// Writes the record, and says where it is.
pub(crate) fn save_record(
    what: &str,
    card: &MachineCard,
    record: &impl Serialize,
) -> Result<String, Failure> {
    place(what, card)?.record(record).map_err(Failure::Run)
}

/// A trace's name as part of a file name, which may have 255 bytes in all.
fn file_name(what: &str) -> String {
    let fit = |letter: char| {
        if letter.is_alphanumeric() || "-_.".contains(letter) {
            letter
        } else {
            '_'
        }
    };
    let mut name = String::new();
    for letter in what.chars().take(60).map(fit) {
        if name.len() < 120 {
            name.push(letter);
        }
    }
    name
}

fn caches(outcomes: &[Outcome]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for outcome in outcomes {
        if !names.contains(&outcome.cache.as_str()) {
            names.push(&outcome.cache);
        }
    }
    names
}

/// Hit ratio against capacity, if there is more than one capacity.
fn hit_ratio(what: &str, outcomes: &[Outcome], optimum: &[(usize, f64)]) -> Option<plot::Plot> {
    let mut series: Vec<Series> = caches(outcomes)
        .into_iter()
        .map(|name| {
            let of = outcomes.iter().filter(|outcome| outcome.cache == name);
            Series::new(
                name,
                of.map(|outcome| (outcome.capacity as f64, outcome.hit_ratio() * 100.0))
                    .collect(),
            )
        })
        .collect();
    if !optimum.is_empty() {
        let points = optimum
            .iter()
            .map(|&(capacity, ratio)| (capacity as f64, ratio * 100.0))
            .collect();
        series.push(Series::new("Belady", points));
    }
    series.iter_mut().for_each(Series::sort);
    let distinct = series
        .first()?
        .points
        .windows(2)
        .any(|pair| pair[0].0 < pair[1].0);
    distinct.then(|| plot::Plot::hit_ratio(format!("Hit ratio, {what}"), series))
}

/// The hit path's distribution: of the caches at the largest capacity, or of one cache at each capacity.
fn latency(what: &str, outcomes: &[Outcome]) -> Option<plot::Plot> {
    let measured = |outcome: &&Outcome| outcome.latency.percentiles().is_some();
    let several = caches(outcomes).len() > 1;
    let largest = outcomes
        .iter()
        .filter(measured)
        .map(|outcome| outcome.capacity)
        .max()?;
    let series: Vec<Series> = outcomes
        .iter()
        .filter(measured)
        .filter(|outcome| !several || outcome.capacity == largest)
        .map(|outcome| {
            let label = if several {
                outcome.cache.clone()
            } else {
                grouped(outcome.capacity as u64)
            };
            Series::new(label, outcome.latency.distribution())
        })
        .collect();
    let title = if several {
        format!("Hit path, {what}, {} entries", grouped(largest as u64))
    } else {
        format!("Hit path by capacity, {what}")
    };
    Some(plot::Plot::latency(title, series))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_stay_in_their_folder() {
        assert_eq!(file_name("a/../b c"), "a_.._b_c");
        assert!(file_name(&"\u{1d400}".repeat(80)).len() <= 123);
    }
}
