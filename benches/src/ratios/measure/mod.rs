//! The timed loops, and the rounds in which they take turns.

mod calls;
mod keys;
mod threads;

use serde::Serialize;

use super::{
    rival::{Rival, with_rival, with_threads},
    scenario::Scenario,
};
use crate::peers::{Bare, Hashbrown, Stamped};
use calls::{bound_hit, bound_pin, hit, insert, overwrite, pin_papaya, pin_tux};
use threads::{mixed, read};

/// One rival in one scenario.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Cell {
    #[serde(skip)]
    pub(crate) kind: Scenario,
    pub(crate) scenario: String,
    pub(crate) rival: Rival,
    /// Nanoseconds per operation; with several threads wall time over the operations of all.
    pub(crate) ns: f64,
    /// The middle half of the rounds.
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) all: Vec<f64>,
}

/// One timing: nanoseconds per operation, or what was answered wrongly.
type Timing = Box<dyn FnMut() -> Result<f64, String>>;

/// Times the rivals in turn, each round beginning with another.
pub(crate) fn rounds(
    scenario: Scenario,
    rivals: &[Rival],
    rounds: u32,
) -> Result<Vec<Cell>, String> {
    let named = |rival: Rival| {
        move |error: String| format!("{}: {}: {error}", scenario.name(), rival.name())
    };
    let mut timings = Vec::new();
    for &rival in rivals {
        let mut timing = build(scenario, rival).map_err(named(rival))?;
        timing().map_err(named(rival))?; // Warms up.
        timings.push(timing);
    }
    let mut times = vec![Vec::new(); rivals.len()];
    for round in 0..rounds as usize {
        for turn in 0..rivals.len() {
            let index = (round + turn) % rivals.len();
            times[index].push(timings[index]().map_err(named(rivals[index]))?);
        }
    }
    let cell = |(&rival, all): (&Rival, Vec<f64>)| {
        let mut sorted = all.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
        Cell {
            kind: scenario,
            scenario: scenario.name(),
            rival,
            ns: at(0.5),
            low: at(0.25),
            high: at(0.75),
            all,
        }
    };
    Ok(rivals.iter().zip(times).map(cell).collect())
}

fn build(scenario: Scenario, rival: Rival) -> Result<Timing, String> {
    match scenario {
        Scenario::Hit(size) => match rival {
            Rival::Stamped => bound_hit::<Stamped>(size),
            Rival::Bare => bound_hit::<Bare>(size),
            _ => with_rival!(rival, C => hit::<C>(size)),
        },
        Scenario::Pin(size) => match rival {
            Rival::Tux => pin_tux(size),
            Rival::Papaya => pin_papaya(size),
            Rival::Stamped => bound_pin::<Stamped>(size),
            Rival::Bare => bound_pin::<Bare>(size),
            _ => hit::<Hashbrown>(size),
        },
        Scenario::Insert(size) => with_rival!(rival, C => insert::<C>(size, rival.bounded())),
        Scenario::Overwrite(size) => with_rival!(rival, C => overwrite::<C>(size)),
        Scenario::Mixed(size, threads) => {
            with_threads!(rival, C => mixed::<C>(size, threads), else Err("has no threads".into()))
        }
        Scenario::Read(size, threads) => {
            with_threads!(rival, C => read::<C>(size, threads), else Err("has no threads".into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rival_can_do_every_scenario() {
        for scenario in Scenario::all(&[2_000]) {
            let cells = rounds(scenario, &scenario.rivals(), 1).unwrap();
            assert_eq!(cells.len(), scenario.rivals().len());
            assert!(cells.iter().all(|cell| cell.ns > 0.0), "{cells:?}");
        }
    }
}
