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

/// The height at which a line's end is drawn.
fn heights(text: &str) -> Vec<f64> {
    let ends = text.lines().filter_map(|line| {
        let points = line.split("points=\"").nth(1)?.split('"').next()?;
        let end = points.split_whitespace().last()?;
        end.split(',').nth(1)?.parse::<f64>().ok()
    });
    ends.collect()
}

#[test]
fn lines_close_together_are_told_apart() {
    let line = |n: u32| {
        let y = 97.6 + f64::from(n) * 0.13;
        Series::new(format!("cache {n}"), vec![(100.0, y), (1_000.0, y + 0.02)])
    };
    let plot = Plot::hit_ratio("t".into(), (0..7).map(line).collect());
    assert!(
        plot.y_range.0 > 97.0 && plot.y_range.1 < 99.0,
        "{:?}",
        plot.y_range
    );
    let text = svg(&plot);
    for part in ["not from 0", "\n97.6\n", "\n98.0\n", "\n98.4\n"] {
        assert!(text.contains(part), "{part:?} is missing in {text}");
    }
    // Solid lines alone are drawn in one piece: the first and the fourth.
    let mut ends: Vec<f64> = heights(&text).into_iter().filter(|y| *y < 716.0).collect();
    ends.dedup();
    let gap =
        ends.iter().copied().fold(0.0, f64::max) - ends.iter().copied().fold(f64::MAX, f64::min);
    assert!(gap > 200.0, "{ends:?}");
    let flat = vec![Series::new("a", vec![(10.0, 50.0), (20.0, 50.0)])];
    let flat = Plot::hit_ratio("t".into(), flat);
    assert!(flat.y_ticks.len() >= 2, "{:?}", flat.y_ticks);
}

#[test]
fn small_percentages_and_narrow_ranges_have_marks() {
    let plot = Plot::hit_ratio(
        "t".into(),
        vec![Series::new("a", vec![(1_100.0, 0.01), (1_200.0, 0.04)])],
    );
    assert!(plot.y_range.1 < 0.05, "{:?}", plot.y_range);
    assert!(plot.x_ticks.len() >= 2, "{:?}", plot.x_ticks);
    let text = svg(&plot);
    for mark in ["\n0.02\n", "\n0.04\n", "\n1.1 k\n"] {
        assert!(text.contains(mark), "{mark:?} is missing in {text}");
    }
    let none = Plot::hit_ratio(
        "t".into(),
        vec![Series::new("a", vec![(1.0, 0.0), (2.0, 0.0)])],
    );
    assert!(
        none.y_range.1 > 0.0 && svg(&none).contains("\n0.00"),
        "{none:?}"
    );
    let near = Plot::logarithmic(
        "t".into(),
        "x",
        "y",
        vec![Series::new("a", vec![(21.0, 21.5), (23.0, 23.5)])],
    );
    assert!(
        near.y_ticks.len() >= 2 && near.x_ticks.len() >= 2,
        "{near:?}"
    );
}

#[test]
fn every_nine_takes_the_same_room_and_the_maximum_stands_behind() {
    let points = vec![
        (3.0, 0.0),
        (4.0, 0.9),
        (5.0, 0.99),
        (50.0, 0.999),
        (60.0, 0.999_999),
        (90.0, 1.0),
    ];
    let plot = Plot::latency("t".into(), vec![Series::new("a", points)]);
    let drawn: Vec<(f64, f64)> = plot.series[0].points.clone();
    let expected = [(0.0, 3.0), (1.0, 4.0), (2.0, 5.0), (3.0, 50.0), (3.6, 90.0)];
    assert_eq!(drawn.len(), expected.len());
    for ((x, y), (share, ns)) in drawn.into_iter().zip(expected) {
        assert!((x - share).abs() < 1e-9 && (y - f64::log10(ns)).abs() < 1e-9);
    }
    let text = svg(&plot);
    for mark in ["\n0\n", "\n90\n", "\n99\n", "\n99.9\n", "\nmax\n"] {
        assert!(text.contains(mark), "{mark:?} is missing in {text}");
    }
}

#[test]
fn a_logarithmic_plot_is_labelled_with_its_numbers() {
    let line = Series::new("hit", vec![(1e3, 2.0), (1e6, 40.0)]).with_dots(vec![(1e3, 3.0)]);
    let plot = Plot::logarithmic("t".into(), "entries (log)", "ns (log)", vec![line]);
    assert!((plot.series[0].dots[0].1 - 3_f64.log10()).abs() < 1e-12);
    let text = svg(&plot);
    for part in [
        "entries (log)",
        "ns (log)",
        "1 k",
        "1 M",
        "\n10\n",
        "<circle",
    ] {
        assert!(text.contains(part), "{part:?} is missing in {text}");
    }
}

#[test]
fn numbers_are_short() {
    assert_eq!(
        [0.0, 0.05, 0.5, 10.0, 1_065.0, 30_000.0, 2_500_000.0].map(short),
        ["0", "0.05", "0.5", "10", "1.065 k", "30 k", "2.5 M"]
    );
    assert_eq!(
        [0.0, 1.0, 2.0, 4.0, 4.6].map(|n| share_text(&n)),
        ["0", "90", "99", "99.99", "max"]
    );
}
