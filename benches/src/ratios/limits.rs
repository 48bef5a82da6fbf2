//! What the ratios have to be.
//!
//! `goal` and `floor` are the project's; `gate` is the committed limit that `--gate` enforces: about twice what a quiet run
//! shows, since on a shared machine the same ratio was seen to drift by half. What changes little is caught by the
//! instruction counts (`benches/instructions`).

use serde::Serialize;

use super::{measure::Cell, rival::Rival, scenario::Scenario};

/// What a time is divided by.
#[derive(Debug, Clone, Copy)]
enum By {
    /// The fastest of these.
    Fastest(&'static [Rival]),
    /// The same cache with one thread: throughput over throughput.
    OneThread,
}

struct Limit {
    what: &'static str,
    applies: fn(Scenario) -> bool,
    by: By,
    /// Whether the ratio is of throughputs: more is better.
    throughput: bool,
    goal: f64,
    floor: f64,
    gate: f64,
}

const LIMITS: [Limit; 8] = [
    Limit {
        what: "hit ÷ faster of quick_cache, papaya",
        applies: |scenario| matches!(scenario, Scenario::Hit(_)),
        by: By::Fastest(&[Rival::Quick, Rival::Papaya]),
        throughput: false,
        goal: 0.6,
        floor: 0.8,
        gate: 4.0,
    },
    Limit {
        what: "hit ÷ hashbrown",
        applies: |scenario| matches!(scenario, Scenario::Hit(_)),
        by: By::Fastest(&[Rival::Hashbrown]),
        throughput: false,
        goal: 1.3,
        floor: 2.0,
        // Its 2 MB of 100,000 entries stay near the core where our 7 do not: 13 was seen when neighbours took the third-level
        // cache, 3 in quiet runs. What is held to account is the ratio to caches, above.
        gate: 40.0,
    },
    Limit {
        what: "pinned hit ÷ hashbrown",
        applies: |scenario| matches!(scenario, Scenario::Pin(_)),
        by: By::Fastest(&[Rival::Hashbrown]),
        throughput: false,
        goal: 1.1,
        floor: 1.3,
        gate: 40.0,
    },
    Limit {
        what: "insert at capacity ÷ quick_cache",
        applies: |scenario| matches!(scenario, Scenario::Insert(_)),
        by: By::Fastest(&[Rival::Quick]),
        throughput: false,
        goal: 0.75,
        floor: 1.0,
        gate: 6.0,
    },
    Limit {
        what: "overwrite ÷ quick_cache",
        applies: |scenario| matches!(scenario, Scenario::Overwrite(_)),
        by: By::Fastest(&[Rival::Quick]),
        throughput: false,
        goal: 1.1,
        floor: 1.5,
        // Two in quiet runs; 4.5 was seen when the machine's memory was busy, which an overwrite's three lines feel most.
        gate: 10.0,
    },
    Limit {
        what: "mixed, throughput ÷ quick_cache",
        applies: |scenario| matches!(scenario, Scenario::Mixed(_, 1)),
        by: By::Fastest(&[Rival::Quick]),
        throughput: true,
        goal: 1.3,
        floor: 1.0,
        gate: 0.3,
    },
    Limit {
        what: "mixed, throughput ÷ quick_cache",
        applies: |scenario| matches!(scenario, Scenario::Mixed(_, 2)),
        by: By::Fastest(&[Rival::Quick]),
        throughput: true,
        goal: 2.0,
        floor: 1.5,
        gate: 0.3,
    },
    Limit {
        what: "read-only, throughput of 2 threads ÷ 1",
        applies: |scenario| matches!(scenario, Scenario::Read(_, 2)),
        by: By::OneThread,
        throughput: true,
        goal: 1.9,
        floor: 1.7,
        gate: 0.8,
    },
];

/// One ratio held against its limit.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Verdict {
    pub(super) what: &'static str,
    pub(super) scenario: String,
    pub(super) ratio: f64,
    /// Whether more is better.
    pub(super) throughput: bool,
    pub(super) goal: f64,
    pub(super) floor: f64,
    pub(super) gate: f64,
    /// Whether the gate's limit holds.
    pub(super) holds: bool,
}

/// Whether a limit is about this rival: the others need not be timed for the gate.
pub(super) fn names(rival: Rival) -> bool {
    let by = |limit: &Limit| matches!(limit.by, By::Fastest(rivals) if rivals.contains(&rival));
    rival == Rival::Tux || LIMITS.iter().any(by)
}

/// Every limit that these cells allow to judge.
pub(super) fn verdicts(cells: &[Cell]) -> Vec<Verdict> {
    let mut found = Vec::new();
    for limit in &LIMITS {
        for cell in cells
            .iter()
            .filter(|cell| cell.rival == Rival::Tux && (limit.applies)(cell.kind))
        {
            let other = |kind: Scenario, rivals: &[Rival]| {
                let of = cells
                    .iter()
                    .filter(|other| other.kind == kind && rivals.contains(&other.rival));
                of.map(|other| other.ns).min_by(f64::total_cmp)
            };
            let by = match (limit.by, cell.kind) {
                (By::Fastest(rivals), kind) => other(kind, rivals),
                (By::OneThread, Scenario::Read(size, _)) => {
                    other(Scenario::Read(size, 1), &[Rival::Tux])
                }
                (By::OneThread, _) => None,
            };
            let Some(by) = by else { continue };
            let ratio = if limit.throughput {
                by / cell.ns
            } else {
                cell.ns / by
            };
            let holds = if limit.throughput {
                ratio >= limit.gate
            } else {
                ratio <= limit.gate
            };
            let Limit {
                what,
                throughput,
                goal,
                floor,
                gate,
                ..
            } = *limit;
            found.push(Verdict {
                what,
                scenario: cell.scenario.clone(),
                ratio,
                throughput,
                goal,
                floor,
                gate,
                holds,
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(kind: Scenario, rival: Rival, ns: f64) -> Cell {
        Cell {
            kind,
            scenario: kind.name(),
            rival,
            ns,
            low: ns,
            high: ns,
            all: vec![ns],
        }
    }

    #[test]
    fn times_and_throughputs_are_judged_the_right_way_round() {
        let cells = [
            cell(Scenario::Hit(1_000), Rival::Tux, 25.0),
            cell(Scenario::Hit(1_000), Rival::Quick, 10.0),
            cell(Scenario::Hit(1_000), Rival::Papaya, 4.0),
            cell(Scenario::Mixed(1_000, 2), Rival::Tux, 10.0),
            cell(Scenario::Mixed(1_000, 2), Rival::Quick, 20.0),
            cell(Scenario::Read(1_000, 1), Rival::Tux, 10.0),
            cell(Scenario::Read(1_000, 2), Rival::Tux, 40.0),
        ];
        let found = verdicts(&cells);
        let short: Vec<(f64, bool)> = found
            .iter()
            .map(|verdict| (verdict.ratio, verdict.holds))
            .collect();
        assert_eq!(short, [(6.25, false), (2.0, true), (0.25, false)]);
    }

    #[test]
    fn gates_leave_room_behind_the_floors_and_floors_behind_the_goals() {
        for limit in &LIMITS {
            let order = [limit.goal, limit.floor, limit.gate];
            let sorted = if limit.throughput {
                order.is_sorted_by(|a, b| a > b)
            } else {
                order.is_sorted_by(|a, b| a < b)
            };
            assert!(sorted, "{}", limit.what);
        }
    }
}
