//! SVG plots that can be read on a phone: large type, axes named with units, each line labelled where it ends, and
//! told apart by dashes as well as by colours of different lightness.

mod axis;
mod draw;

use std::path::Path;

/// One line of a plot.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Stands at the line's end.
    pub label: String,
    /// In order of x.
    pub points: Vec<(f64, f64)>,
    /// Drawn as dots on top: where a line is a model, what was measured.
    pub dots: Vec<(f64, f64)>,
}

impl Series {
    /// A line through these points.
    pub fn new(label: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self {
            label: label.into(),
            points,
            dots: Vec::new(),
        }
    }

    /// The same with dots.
    #[must_use]
    pub fn with_dots(self, dots: Vec<(f64, f64)>) -> Self {
        Self { dots, ..self }
    }

    /// Puts the points in order of x.
    pub fn sort(&mut self) {
        self.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }

    fn all(&self) -> impl Iterator<Item = &(f64, f64)> {
        self.points.iter().chain(&self.dots)
    }
}

/// A plot; its x axis is logarithmic, but for [`Plot::over_time`] and [`Plot::distribution`].
#[derive(Debug, Clone)]
pub struct Plot {
    title: String,
    x_name: String,
    x_logarithmic: bool,
    x_ticks: Vec<f64>,
    x_text: fn(&f64) -> String,
    y_name: String,
    y_text: fn(f64, usize) -> String,
    /// Digits behind the point that tell the marks apart, for `y_text`.
    y_decimals: usize,
    y_range: (f64, f64),
    y_ticks: Vec<f64>,
    series: Vec<Series>,
}

impl Plot {
    /// Hit ratio in percent against capacity in entries.
    pub fn hit_ratio(title: String, series: Vec<Series>) -> Self {
        Self::percent(title, "capacity, entries (log)", "hit ratio, %", series)
    }

    /// Percentages against something: from zero, or, where the lines lie too close together for that, from a little
    /// below the lowest; the axis then says so.
    pub fn percent(
        title: String,
        x_name: impl Into<String>,
        y_name: impl Into<String>,
        series: Vec<Series>,
    ) -> Self {
        let (low, high) = (lowest(&series), highest(&series));
        let cut = high - low < high / 3.0;
        let (from, to) = if cut {
            let room = ((high - low) * 0.08).max(0.01);
            (low - room, high + room)
        } else {
            (0.0, high * 1.04)
        };
        let (y_ticks, step) = axis::between(from, to, 7);
        let y_name = y_name.into();
        Self {
            title,
            x_name: x_name.into(),
            x_logarithmic: true,
            x_ticks: x_ticks(&series),
            x_text: |x| short(*x),
            y_name: if cut {
                format!("{y_name} (not from 0)")
            } else {
                y_name
            },
            y_text: |y, decimals| format!("{y:.decimals$}"),
            y_decimals: axis::decimals(step),
            y_range: (from, to),
            y_ticks,
            series,
        }
    }

    /// Something against seconds, both axes linear and from zero.
    pub fn over_time(
        title: impl Into<String>,
        y_name: impl Into<String>,
        series: Vec<Series>,
    ) -> Self {
        let top = highest(&series) * 1.04;
        Self {
            title: title.into(),
            x_name: "seconds".to_owned(),
            x_logarithmic: false,
            x_ticks: axis::linear(x_range(&series).1),
            x_text: |x| short(*x),
            y_name: y_name.into(),
            y_text: |y, _| short(y),
            y_decimals: 0,
            y_range: (0.0, top),
            y_ticks: axis::linear(top),
            series,
        }
    }

    /// Both axes logarithmic; `y_name` should say so.
    pub fn logarithmic(
        title: String,
        x_name: impl Into<String>,
        y_name: impl Into<String>,
        mut series: Vec<Series>,
    ) -> Self {
        let top = highest(&series);
        let low = lowest(&series);
        // The axis itself is linear: what is drawn is the logarithm, and labelled with its number.
        let drawn = |point: &mut (f64, f64)| point.1 = point.1.log10();
        for line in &mut series {
            line.points.iter_mut().for_each(drawn);
            line.dots.iter_mut().for_each(drawn);
        }
        Self {
            title,
            x_name: x_name.into(),
            x_logarithmic: true,
            x_ticks: x_ticks(&series),
            x_text: |x| short(*x),
            y_name: y_name.into(),
            y_text: |y, _| short(10_f64.powf(y)),
            y_decimals: 0,
            y_range: (low.log10() - 0.1, top.log10() + 0.1),
            y_ticks: axis::logarithmic(low * 0.8, top * 1.25)
                .into_iter()
                .map(f64::log10)
                .collect(),
            series,
        }
    }

    /// Nanoseconds per look-up against the share of the batches that took at most so long.
    pub fn latency(title: String, series: Vec<Series>) -> Self {
        Self::distribution(title, "ns per look-up, mean of a batch (log)", series)
    }

    /// A logarithmic `y_name` against the share at most so large, for points (y, share) in order. Each further nine takes the
    /// same room, up to a little past 99.99 %; the last point, the maximum, stands behind.
    pub fn distribution(title: String, y_name: impl Into<String>, mut series: Vec<Series>) -> Self {
        let last = |line: &Series| {
            let below = line.points.iter().map(|point| nines(point.1));
            below
                .filter(|nines| *nines < MOST_NINES)
                .fold(0.0, f64::max)
        };
        let top = series.iter().map(last).fold(0.5, f64::max);
        let mut end = top + 0.6;
        // Whole numbers are marked with their share.
        if (end - end.round()).abs() < 0.05 {
            end += 0.1;
        }
        for line in &mut series {
            let maximum = line.points.last().copied();
            line.points.retain(|point| nines(point.1) <= top);
            line.points.extend(maximum.map(|(y, _)| (y, 1.0)));
            for point in &mut line.points {
                *point = (nines(point.1).min(end), point.0.max(1.0));
            }
        }
        let shares = (0..=(top + 1e-6) as u32).map(f64::from);
        Self {
            x_logarithmic: false,
            x_ticks: shares.chain([end]).collect(),
            x_text: share_text,
            ..Self::logarithmic(title, "percentile", y_name, series)
        }
    }

    /// Other marks on the x axis.
    #[must_use]
    pub fn with_x_ticks(self, x_ticks: Vec<f64>) -> Self {
        Self { x_ticks, ..self }
    }

    /// Draws the plot into an SVG file.
    ///
    /// # Errors
    /// The text of what kept it from being written.
    pub fn write(&self, path: &Path) -> Result<(), String> {
        let mut text = String::new();
        self.draw(&mut text).map_err(|error| error.to_string())?;
        std::fs::write(path, text).map_err(|error| error.to_string())
    }

    /// From the smallest to the largest x.
    fn x_range(&self) -> (f64, f64) {
        x_range(&self.series)
    }
}

fn x_range(series: &[Series]) -> (f64, f64) {
    let points = || series.iter().flat_map(Series::all).map(|point| point.0);
    (
        points().fold(f64::MAX, f64::min).max(1e-3),
        points().fold(1e-2, f64::max),
    )
}

fn x_ticks(series: &[Series]) -> Vec<f64> {
    let (low, high) = x_range(series);
    let (from, to) = axis::around(low, high);
    axis::logarithmic(from, to)
}

fn highest(series: &[Series]) -> f64 {
    let all = series.iter().flat_map(Series::all);
    all.map(|point| point.1).fold(f64::MIN_POSITIVE, f64::max)
}

fn lowest(series: &[Series]) -> f64 {
    let all = series.iter().flat_map(Series::all);
    all.map(|point| point.1).fold(highest(series), f64::min)
}

/// Further out only the maximum is drawn.
const MOST_NINES: f64 = 4.7;

/// 0.999 is three.
fn nines(share: f64) -> f64 {
    -(1.0 - share).log10()
}

/// Whole nines as percentages; anything else is the place of the maximum.
fn share_text(nines: &f64) -> String {
    match nines.round() {
        whole if (nines - whole).abs() > 0.04 => "max".to_owned(),
        whole if whole < 0.5 => "0".to_owned(),
        whole if whole < 1.5 => "90".to_owned(),
        whole if whole < 2.5 => "99".to_owned(),
        whole => format!("99.{}", "9".repeat(whole as usize - 2)),
    }
}

/// `100`, `30 k`, `2.5 M`, `0.05`: four digits at most.
fn short(number: f64) -> String {
    let (scaled, unit) = match number {
        n if n >= 1e6 => (n / 1e6, " M"),
        n if n >= 1e3 => (n / 1e3, " k"),
        n => (n, ""),
    };
    let digits = if scaled == 0.0 {
        0.0
    } else {
        3.0 - scaled.abs().log10().floor()
    };
    let text = format!("{scaled:.0$}", digits.clamp(0.0, 12.0) as usize);
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    format!("{text}{unit}")
}

#[cfg(test)]
mod tests;
