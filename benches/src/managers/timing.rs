//! Rounds in which all subjects of a group are timed one after another.

use serde::Serialize;

/// One timing: nanoseconds per operation, or what was answered wrongly.
pub(super) type Timing = Box<dyn FnMut() -> Result<f64, String>>;

/// A ratio that is to stay below a limit.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Against {
    /// The subject of the same group that this one is held against.
    pub(super) base: &'static str,
    /// What was promised; `None` where the ratio is only shown.
    pub(super) goal: Option<f64>,
}

/// What is timed.
pub(super) struct Subject {
    pub(super) name: &'static str,
    pub(super) against: Vec<Against>,
    pub(super) timing: Timing,
}

impl Subject {
    /// Something others are held against.
    pub(super) fn base(name: &'static str, timing: Timing) -> Self {
        Self {
            name,
            against: Vec::new(),
            timing,
        }
    }

    /// The ratio to `base` is to be at most `goal`.
    pub(super) fn goal(mut self, base: &'static str, goal: f64) -> Self {
        self.against.push(Against {
            base,
            goal: Some(goal),
        });
        self
    }

    /// The ratio to `base` is shown.
    pub(super) fn beside(mut self, base: &'static str) -> Self {
        self.against.push(Against { base, goal: None });
        self
    }
}

/// Subjects that are timed together.
pub(super) struct Group {
    pub(super) name: String,
    /// Of one timing of each subject.
    pub(super) operations: u64,
    pub(super) subjects: Vec<Subject>,
}

impl Group {
    /// Keeps what is wanted and what that is held against.
    pub(super) fn keep(&mut self, wanted: &dyn Fn(&str, &str) -> bool) {
        let mut names: Vec<&str> = Vec::new();
        for subject in &self.subjects {
            if wanted(&self.name, subject.name) {
                names.push(subject.name);
                names.extend(subject.against.iter().map(|against| against.base));
            }
        }
        self.subjects
            .retain(|subject| names.contains(&subject.name));
    }
}

/// A subject's times.
#[derive(Debug, Serialize)]
pub(super) struct Cell {
    pub(super) name: &'static str,
    /// Nanoseconds per operation, median over the rounds.
    pub(super) ns: f64,
    /// The middle half of the rounds.
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) ratios: Vec<Ratio>,
}

/// A subject beside another.
#[derive(Debug, Serialize)]
pub(super) struct Ratio {
    pub(super) base: &'static str,
    /// The median, over the rounds, of the ratio within a round: a slow moment of the machine hits both.
    pub(super) ratio: f64,
    pub(super) goal: Option<f64>,
}

impl Ratio {
    pub(super) fn holds(&self) -> bool {
        self.goal.is_none_or(|goal| self.ratio <= goal)
    }
}

/// A group's times.
#[derive(Debug, Serialize)]
pub(super) struct Measured {
    pub(super) name: String,
    pub(super) cells: Vec<Cell>,
}

/// Times the subjects in turn, each round beginning with another.
pub(super) fn rounds(mut group: Group, rounds: u32) -> Result<Measured, String> {
    let subjects = &mut group.subjects;
    let time = |subject: &mut Subject| {
        (subject.timing)().map_err(|error| format!("{}: {}: {error}", group.name, subject.name))
    };
    for subject in subjects.iter_mut() {
        time(subject)?; // Warms up.
    }
    let mut times = vec![Vec::new(); subjects.len()];
    for round in 0..rounds as usize {
        for turn in 0..subjects.len() {
            let at = (round + turn) % subjects.len();
            times[at].push(time(&mut subjects[at])?);
        }
    }
    let cell = |subject: &Subject, own: &Vec<f64>| {
        let ratio = |against: &Against| {
            let of = subjects
                .iter()
                .position(|other| other.name == against.base)?;
            let in_rounds = own.iter().zip(&times[of]).map(|(own, base)| own / base);
            Some(Ratio {
                base: against.base,
                ratio: at(in_rounds.collect(), 0.5),
                goal: against.goal,
            })
        };
        Cell {
            name: subject.name,
            ns: at(own.clone(), 0.5),
            low: at(own.clone(), 0.25),
            high: at(own.clone(), 0.75),
            ratios: subject.against.iter().filter_map(ratio).collect(),
        }
    };
    let cells = subjects
        .iter()
        .zip(&times)
        .map(|(subject, own)| cell(subject, own))
        .collect();
    Ok(Measured {
        name: group.name,
        cells,
    })
}

/// The value below which this share of all lies.
fn at(mut all: Vec<f64>, share: f64) -> f64 {
    all.sort_by(f64::total_cmp);
    all[((all.len() - 1) as f64 * share).round() as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed(ns: f64) -> Timing {
        Box::new(move || Ok(ns))
    }

    #[test]
    fn ratios_are_held_against_their_goals() {
        let group = Group {
            name: "g".into(),
            operations: 1,
            subjects: vec![
                Subject::base("base", fixed(10.0)),
                Subject::base("good", fixed(20.0)).goal("base", 2.0),
                Subject::base("bad", fixed(21.0)).goal("base", 2.0),
                Subject::base("shown", fixed(99.0)).beside("base"),
            ],
        };
        let found = rounds(group, 3).unwrap();
        let holds: Vec<bool> = found.cells[1..]
            .iter()
            .map(|cell| cell.ratios[0].holds())
            .collect();
        assert_eq!(holds, [true, false, true]);
        assert_eq!(found.cells[3].ratios[0].ratio, 9.9);
    }

    #[test]
    fn a_wrong_answer_ends_the_run_and_names_its_subject() {
        let group = Group {
            name: "g".into(),
            operations: 1,
            subjects: vec![Subject::base("s", Box::new(|| Err("wrong".into())))],
        };
        assert_eq!(rounds(group, 1).unwrap_err(), "g: s: wrong");
    }

    #[test]
    fn a_choice_brings_its_bases() {
        let mut group = Group {
            name: "g".into(),
            operations: 1,
            subjects: vec![
                Subject::base("base", fixed(1.0)),
                Subject::base("a", fixed(1.0)).beside("base"),
                Subject::base("b", fixed(1.0)),
            ],
        };
        group.keep(&|_, name| name == "a");
        let names: Vec<&str> = group.subjects.iter().map(|s| s.name).collect();
        assert_eq!(names, ["base", "a"]);
    }
}
