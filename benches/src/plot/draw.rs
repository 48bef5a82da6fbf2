//! The drawing itself.

use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{
    Plot,
    axis::{self, Axis},
};

const SIZE: (u32, u32) = (1_000, 800);
const FONT: &str = "sans-serif";
const TITLE: u32 = 36;
const TEXT: u32 = 28;
/// Room for the labels right of the lines.
const LABELS: u32 = 262;

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
    pub(super) fn draw(&self, text: &mut String) -> Result<(), Box<dyn std::error::Error>> {
        let root = SVGBackend::with_string(text, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let (low, high) = match self.x_range() {
            (low, high) if self.x_logarithmic => axis::around(low, high),
            (_, high) => (0.0, high),
        };
        let mut chart = ChartBuilder::on(&root)
            .caption(&self.title, (FONT, TITLE))
            .margin(16)
            .margin_right(LABELS)
            .x_label_area_size(84)
            .y_label_area_size(120)
            .build_cartesian_2d(
                Axis {
                    from: low,
                    to: high,
                    logarithmic: self.x_logarithmic,
                    marks: self.x_ticks.clone(),
                },
                Axis {
                    from: self.y_range.0,
                    to: self.y_range.1,
                    logarithmic: false,
                    marks: self.y_ticks.clone(),
                },
            )?;
        chart
            .configure_mesh()
            .x_desc(&self.x_name)
            .y_desc(&self.y_name)
            .x_labels(self.x_ticks.len())
            .y_labels(self.y_ticks.len())
            .x_label_formatter(&self.x_text)
            .y_label_formatter(&|y| (self.y_text)(*y, self.y_decimals))
            .label_style((FONT, TEXT))
            .axis_desc_style((FONT, TEXT))
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.15))
            .draw()?;
        let right = (SIZE.0 - LABELS) as i32;
        let mut labels = Vec::new();
        for (line, &(colour, dash)) in self.series.iter().zip(STYLES.iter().cycle()) {
            let style = colour.stroke_width(4);
            let points = line.points.iter().copied();
            match dash {
                None => chart.draw_series(LineSeries::new(points, style))?,
                Some((length, gap)) => {
                    chart.draw_series(DashedLineSeries::new(points, length, gap, style))?
                }
            };
            // Rings where there is no line: told apart in grey from the dots on one.
            let mark = if line.points.is_empty() {
                style
            } else {
                colour.filled()
            };
            chart.draw_series(line.dots.iter().map(|dot| Circle::new(*dot, 9, mark)))?;
            let end = line.points.last().or(line.dots.last());
            labels.push(Label {
                from: end.map_or((right, 0), |end| chart.backend_coord(end)),
                text: &line.label,
                colour,
            });
        }
        for (label, at) in spread(labels) {
            let colour = label.colour;
            let leader = vec![label.from, (right + 8, at)];
            // A line that ends far from its label is not drawn on by the leader.
            let strength = if right - label.from.0 > 60 { 0.2 } else { 0.6 };
            root.draw(&PathElement::new(leader, colour.mix(strength)))?;
            let style = (FONT, TEXT)
                .into_text_style(&root)
                .color(&colour)
                .pos(Pos::new(HPos::Left, VPos::Center));
            root.draw(&Text::new(label.text.to_owned(), (right + 12, at), style))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_do_not_stand_on_each_other() {
        let label = |y| Label {
            from: (5, y),
            text: "a",
            colour: BLACK,
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
}
