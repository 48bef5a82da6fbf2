//! SVG plots that can be read on a phone: large type, axes named with units, each line labelled where it ends, and
//! told apart by dashes as well as by colours of different lightness.

use std::path::Path;

use plotters::{
    element::DashedPathElement,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

const SIZE: (u32, u32) = (1_000, 800);
const FONT: &str = "sans-serif";
const TITLE: u32 = 36;
const TEXT: u32 = 28;
/// Room for the labels right of the lines.
const LABELS: u32 = 262;

/// One line of a plot.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Stands at the line's end.
    pub label: String,
    /// In order of x.
    pub points: Vec<(f64, f64)>,
}

impl Series {
    /// A line through these points.
    pub fn new(label: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self {
            label: label.into(),
            points,
        }
    }

    /// Puts the points in order of x.
    pub fn sort(&mut self) {
        self.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
}

/// A plot with a logarithmic x axis.
#[derive(Debug, Clone)]
pub struct Plot {
    title: String,
    x_name: &'static str,
    y_name: &'static str,
    y_text: fn(&f64) -> String,
    y_range: (f64, f64),
    y_labels: usize,
    series: Vec<Series>,
    /// Where the lines end at different heights the labels stand there; where all end at the top they stand in a
    /// row, each behind a piece of its line.
    labels_at_ends: bool,
}

/// Colour and dash (line, gap) by position: dark and light alternate, so that grey keeps them apart.
const STYLES: [(RGBColor, Option<(i32, i32)>); 7] = [
    (RGBColor(0, 0, 0), None),
    (RGBColor(213, 94, 0), Some((14, 6))),
    (RGBColor(0, 90, 160), Some((4, 6))),
    (RGBColor(86, 180, 233), None),
    (RGBColor(0, 120, 90), Some((22, 8))),
    (RGBColor(204, 121, 167), Some((8, 8))),
    (RGBColor(130, 130, 130), Some((3, 3))),
];

impl Plot {
    /// Hit ratio in percent against capacity in entries.
    pub fn hit_ratio(title: String, series: Vec<Series>) -> Self {
        let top = series
            .iter()
            .flat_map(|line| &line.points)
            .map(|point| point.1)
            .fold(1.0, f64::max);
        Self {
            title,
            x_name: "capacity, entries (log)",
            y_name: "hit ratio, %",
            y_text: |y| format!("{y:.0}"),
            y_range: (0.0, (top * 1.08 / 10.0).ceil() * 10.0),
            y_labels: 6,
            series,
            labels_at_ends: true,
        }
    }

    /// Share of the batches against nanoseconds per look-up. The points are (ns, share); shares are drawn so that
    /// each further nine takes the same room.
    pub fn latency(title: String, mut series: Vec<Series>) -> Self {
        // The last share is 1: infinitely many nines. It is drawn a third of a nine behind the last but one.
        let nines = |share: f64| -(1.0 - share).log10();
        let mut top = 1.0_f64;
        for line in &mut series {
            let last = line
                .points
                .iter()
                .map(|point| point.1)
                .filter(|share| *share < 1.0)
                .fold(0.0, f64::max);
            let cap = nines(last) + 0.3;
            line.points
                .iter_mut()
                .for_each(|point| point.1 = nines(point.1).min(cap));
            line.points.dedup_by(|a, b| a.1 == b.1 && a.1 >= cap);
            top = top.max(cap);
        }
        Self {
            title,
            x_name: "ns per look-up, mean of a batch (log)",
            y_name: "share of batches at most this",
            y_text: share_text,
            y_range: (0.0, top + 0.1),
            y_labels: top.ceil() as usize + 1,
            series,
            labels_at_ends: false,
        }
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

    fn draw(&self, text: &mut String) -> Result<(), Box<dyn std::error::Error>> {
        let root = SVGBackend::with_string(text, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let points = || {
            self.series
                .iter()
                .flat_map(|line| &line.points)
                .map(|point| point.0)
        };
        let (low, high) = (
            points().fold(f64::MAX, f64::min).max(1e-3),
            points().fold(1e-2, f64::max),
        );
        let mut chart = ChartBuilder::on(&root)
            .caption(&self.title, (FONT, TITLE))
            .margin(16)
            .margin_right(LABELS)
            .x_label_area_size(84)
            .y_label_area_size(120)
            .build_cartesian_2d(
                (low * 0.9..high * 1.1).log_scale(),
                self.y_range.0..self.y_range.1,
            )?;
        chart
            .configure_mesh()
            .x_desc(self.x_name)
            .y_desc(self.y_name)
            .x_labels(6)
            .y_labels(self.y_labels)
            .x_label_formatter(&|x| short(*x))
            .y_label_formatter(&self.y_text)
            .label_style((FONT, TEXT))
            .axis_desc_style((FONT, TEXT))
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.15))
            .draw()?;
        let right = (SIZE.0 - LABELS) as i32;
        let mut labels = Vec::new();
        for (index, (line, &(colour, dash))) in
            self.series.iter().zip(STYLES.iter().cycle()).enumerate()
        {
            let style = colour.stroke_width(4);
            let points = line.points.iter().copied();
            match dash {
                None => chart.draw_series(LineSeries::new(points, style))?,
                Some((length, gap)) => {
                    chart.draw_series(DashedLineSeries::new(points, length, gap, style))?
                }
            };
            let end = line
                .points
                .last()
                .map_or((0, 0), |end| chart.backend_coord(end));
            let from = if self.labels_at_ends {
                end
            } else {
                (right, TITLE as i32 * 2 + index as i32 * STEP)
            };
            labels.push(Label {
                from,
                text: &line.label,
                colour,
                dash,
            });
        }
        for (label, at) in spread(labels) {
            let colour = label.colour;
            let (sample, gap) = if self.labels_at_ends { (8, 4) } else { (44, 8) };
            let leader = vec![label.from, (right + sample, at)];
            match (self.labels_at_ends, label.dash) {
                (true, _) => root.draw(&PathElement::new(leader, colour.mix(0.6)))?,
                (_, None) => root.draw(&PathElement::new(leader, colour.stroke_width(4)))?,
                (_, Some((length, gap))) => {
                    let dashed =
                        DashedPathElement::new(leader, length, gap, colour.stroke_width(4));
                    root.draw(&dashed)?;
                }
            }
            let style = (FONT, TEXT)
                .into_text_style(&root)
                .color(&colour)
                .pos(Pos::new(HPos::Left, VPos::Center));
            root.draw(&Text::new(
                label.text.to_owned(),
                (right + sample + gap, at),
                style,
            ))?;
        }
        root.present()?;
        Ok(())
    }
}

/// A line's name, and where on the picture it belongs.
struct Label<'a> {
    from: (i32, i32),
    text: &'a str,
    colour: RGBColor,
    dash: Option<(i32, i32)>,
}

/// From one label to the next below it, at least.
const STEP: i32 = TEXT as i32 + 6;

/// Moves labels apart that would stand on each other: the y of each, in order from the top.
fn spread(mut labels: Vec<Label<'_>>) -> Vec<(Label<'_>, i32)> {
    labels.sort_by_key(|label| label.from.1);
    let mut places: Vec<i32> = Vec::new();
    for label in &labels {
        places.push(
            label
                .from
                .1
                .max(places.last().map_or(i32::MIN, |last| last + STEP)),
        );
    }
    // What was pushed out below comes back up.
    let mut bottom = SIZE.1 as i32 - 100;
    for place in places.iter_mut().rev() {
        *place = (*place).min(bottom);
        bottom = *place - STEP;
    }
    labels.into_iter().zip(places).collect()
}

fn share_text(nines: &f64) -> String {
    match nines.round() as i32 {
        0 => "0 %".to_owned(),
        1 => "90 %".to_owned(),
        2 => "99 %".to_owned(),
        more => format!("99.{} %", "9".repeat((more - 2) as usize)),
    }
}

/// `100`, `30 k`, `2.5 M`.
fn short(number: f64) -> String {
    let (scaled, unit) = match number {
        n if n >= 1e6 => (n / 1e6, " M"),
        n if n >= 1e3 => (n / 1e3, " k"),
        n => (n, ""),
    };
    let text = format!("{scaled:.1}");
    format!("{}{unit}", text.strip_suffix(".0").unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn svg(plot: &Plot) -> String {
        let mut text = String::new();
        plot.draw(&mut text).unwrap();
        text
    }

    #[test]
    fn a_plot_names_its_axes_and_lines() {
        let lines = vec![
            Series::new(
                "tux-cache",
                vec![(10.0, 20.0), (100.0, 55.5), (1_000.0, 80.0)],
            ),
            Series::new("Belady", vec![(10.0, 30.0), (100.0, 60.0), (1_000.0, 81.0)]),
        ];
        let text = svg(&Plot::hit_ratio("Hit ratio, t".into(), lines));
        for part in [
            "tux-cache",
            "Belady",
            "capacity, entries (log)",
            "hit ratio, %",
            "Hit ratio, t",
        ] {
            assert!(text.contains(part), "{part} is missing");
        }
    }

    #[test]
    fn every_nine_takes_the_same_room() {
        let points = vec![
            (3.0, 0.0),
            (4.0, 0.9),
            (5.0, 0.99),
            (50.0, 0.999),
            (90.0, 1.0),
        ];
        let plot = Plot::latency("t".into(), vec![Series::new("a", points)]);
        let heights: Vec<f64> = plot.series[0].points.iter().map(|point| point.1).collect();
        let expected = [0.0, 1.0, 2.0, 3.0, 3.3];
        assert!(
            heights
                .iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() < 1e-9),
            "{heights:?}"
        );
        assert!(svg(&plot).contains("99.9 %"));
    }

    #[test]
    fn labels_do_not_stand_on_each_other() {
        let label = |y| Label {
            from: (5, y),
            text: "a",
            colour: BLACK,
            dash: None,
        };
        let places: Vec<i32> = spread([100, 101, 750, 760].map(label).into())
            .into_iter()
            .map(|label| label.1)
            .collect();
        assert!(
            places
                .windows(2)
                .all(|pair| pair[1] - pair[0] >= TEXT as i32),
            "{places:?}"
        );
        assert!(
            places.iter().all(|&place| place < SIZE.1 as i32 - 60),
            "{places:?}"
        );
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [0.5, 10.0, 30_000.0, 2_500_000.0].map(short),
            ["0.5", "10", "30 k", "2.5 M"]
        );
        assert_eq!(
            [0.0, 1.0, 2.0, 4.0].map(|n| share_text(&n)),
            ["0 %", "90 %", "99 %", "99.99 %"]
        );
    }
}
