//! Axes with marks of our choosing.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};

/// An axis from one number to another.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) logarithmic: bool,
    pub(super) marks: Vec<f64>,
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (first, last): (i32, i32)) -> i32 {
        let scale = |number: f64| {
            if self.logarithmic {
                number.ln()
            } else {
                number
            }
        };
        let (from, to) = (scale(self.from), scale(self.to));
        let share = (scale(*value) - from) / (to - from);
        first + (share * f64::from(last - first)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.marks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.from..self.to
    }
}

/// Marks from 0 to `top`, at most seven, at round numbers.
pub(super) fn linear(top: f64) -> Vec<f64> {
    between(0.0, top, 7).0
}

/// Marks between two numbers, at most so many, at multiples of a round step; and the step.
pub(super) fn between(low: f64, high: f64, most: u32) -> (Vec<f64>, f64) {
    let rough = (high - low).max(f64::MIN_POSITIVE) / f64::from(most - 1);
    let decade = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|step| step * decade)
        .find(|step| *step >= rough)
        .unwrap_or(10.0 * decade);
    let first = (low / step).ceil();
    let count = ((high / step).floor() - first).max(0.0) as u32;
    let marks = (0..=count).map(|mark| (first + f64::from(mark)) * step);
    (marks.collect(), step)
}

/// Digits behind the point that a multiple of this step needs.
pub(super) fn decimals(step: f64) -> usize {
    (-(step.log10() + 1e-9).floor()).clamp(0.0, 9.0) as usize
}

/// What a logarithmic axis covers for numbers from `low` to `high`: a little more.
pub(super) fn around(low: f64, high: f64) -> (f64, f64) {
    let more = if high > low {
        (high / low).powf(0.08).min(1.1)
    } else {
        1.1
    };
    (low / more, high * more)
}

/// Marks between two positive numbers: powers of ten, and steps between them where there are few of those; multiples
/// of a round step where that leaves fewer than three.
pub(super) fn logarithmic(low: f64, high: f64) -> Vec<f64> {
    let steps: &[f64] = match (high / low).log10() {
        decades if decades < 1.7 => &[1.0, 2.0, 5.0],
        decades if decades < 3.2 => &[1.0, 3.0],
        _ => &[1.0],
    };
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let marks: Vec<f64> = (first..=last)
        .flat_map(|decade| steps.iter().map(move |step| step * 10_f64.powi(decade)))
        .filter(|mark| (low..=high).contains(mark))
        .collect();
    if marks.len() < 3 {
        between(low, high, 5).0
    } else {
        marks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_few() {
        assert_eq!(linear(83.0), [0.0, 20.0, 40.0, 60.0, 80.0]);
        assert_eq!(linear(9.0), [0.0, 2.0, 4.0, 6.0, 8.0]);
        assert!(linear(1e9).len() <= 7 && linear(0.5).len() <= 7);
        assert_eq!(logarithmic(0.9, 110.0), [1.0, 3.0, 10.0, 30.0, 100.0]);
        assert_eq!(logarithmic(4.0, 60.0), [5.0, 10.0, 20.0, 50.0]);
        assert_eq!(logarithmic(900.0, 1.1e7).len(), 5);
        assert_eq!(logarithmic(1_045.0, 1_260.0), [1_100.0, 1_200.0]);
        assert_eq!(between(97.4, 98.5, 7).1, 0.2);
        assert_eq!(between(97.4, 98.5, 7).0.len(), 6);
        assert_eq!([20.0, 1.0, 0.2, 0.1, 0.05].map(decimals), [0, 0, 1, 1, 2]);
    }
}
