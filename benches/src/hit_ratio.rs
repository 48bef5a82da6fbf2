//! Hit ratios of all caches and the optimum of hindsight over a folder of traces.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{
    belady, out,
    peers::{Contender, Peer},
    plot::{Plot, Series},
    record::{MachineCard, Place},
    trace::{Reading, Trace},
    with_contender,
};

/// The parts of a trace's keys that are taken as capacities, in percent.
const SHARES: [f64; 5] = [0.1, 1.0, 5.0, 10.0, 25.0];
/// Fewer entries than this say nothing about a policy.
const FEWEST: usize = 10;

/// Plays every trace of a folder against tux-cache, its peers and Belady's optimum.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A folder of traces, as `cargo replay --trace` takes them
    #[arg(long, value_name = "FOLDER")]
    traces: PathBuf,

    /// Only traces whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,

    /// Write record and plot to results/MACHINE/, to be committed, instead of results/local/
    #[arg(long)]
    keep: bool,
}

/// One trace at one capacity.
#[derive(Debug, Serialize)]
struct Cell {
    trace: String,
    requests: usize,
    unique: usize,
    /// The capacity in percent of the trace's keys.
    share: f64,
    capacity: usize,
    belady: f64,
    hit_ratio: Vec<(&'static str, f64)>,
}

/// The means over the traces at one share, in percent.
#[derive(Debug, Serialize)]
struct Mean {
    share: f64,
    traces: usize,
    belady: f64,
    hit_ratio: Vec<(&'static str, f64)>,
}

/// tux-cache over all cells, in percent; each cell counts the same.
#[derive(Debug, Serialize)]
struct Summary {
    cells: usize,
    tux_cache: f64,
    /// The best published cache of each cell, chosen anew for every one.
    best_peer: f64,
    belady: f64,
    /// The cell where it is furthest below the best peer, in points.
    worst: f64,
    more_than_one_point_below: usize,
}

impl Summary {
    fn of(cells: &[Cell]) -> Self {
        let best = |cell: &Cell| {
            let peers = cell.hit_ratio.iter().skip(1);
            peers.map(|peer| peer.1).fold(0.0, f64::max)
        };
        let mean = |of: &dyn Fn(&Cell) -> f64| {
            100.0 * cells.iter().map(of).sum::<f64>() / cells.len() as f64
        };
        let lead = |cell: &Cell| 100.0 * (cell.hit_ratio[0].1 - best(cell));
        Self {
            cells: cells.len(),
            tux_cache: mean(&|cell| cell.hit_ratio[0].1),
            best_peer: mean(&best),
            belady: mean(&|cell| cell.belady),
            worst: cells.iter().map(lead).fold(f64::MAX, f64::min),
            more_than_one_point_below: cells.iter().filter(|cell| lead(cell) < -1.0).count(),
        }
    }
}

#[derive(Debug, Serialize)]
struct Record<'a> {
    what: &'static str,
    summary: Summary,
    means: &'a [Mean],
    cells: &'a [Cell],
    machine: &'a MachineCard,
}

pub(crate) fn run(args: &Args) -> Result<(), String> {
    let card = MachineCard::take();
    let mut cells = Vec::new();
    for path in files(&args.traces, args.only.as_deref())? {
        let trace = Trace::read(&path, &Reading::default()).map_err(|error| error.to_string())?;
        cells.extend(play(&trace)?);
    }
    let means = means(&cells);
    out::print(&table(&means))?;
    let place = Place::new(&card, "hit-ratio", args.keep)?;
    let record = Record {
        what: "hit ratio over traces; get, on a miss set; one thread, no TTL; tux-cache with its default builder",
        summary: Summary::of(&cells),
        means: &means,
        cells: &cells,
        machine: &card,
    };
    out::print(&place.record(&record)?)?;
    out::print(&place.plot("", &plot(&means))?)?;
    Ok(())
}

/// The traces of a folder, by name.
fn files(folder: &Path, only: Option<&str>) -> Result<Vec<PathBuf>, String> {
    let wrong = |what: &dyn std::fmt::Display| format!("--traces {}: {what}", folder.display());
    let known = [
        ".u64",
        ".oracleGeneral",
        ".oracleGeneral.bin",
        ".lis",
        ".tr",
        ".txt",
    ];
    let is_trace = |name: &str| {
        let name = name.strip_suffix(".zst").unwrap_or(name);
        let name = name.strip_suffix(".gz").unwrap_or(name);
        known.iter().any(|ending| name.ends_with(ending))
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| wrong(&error))? {
        let path = entry.map_err(|error| wrong(&error))?.path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        if name.is_some_and(|name| is_trace(&name) && only.is_none_or(|only| name.contains(only))) {
            found.push(path);
        }
    }
    if found.is_empty() {
        let what = "no trace there; expected files that end in .u64, .oracleGeneral[.bin], .lis, .tr or .txt, \
                    also with .zst or .gz";
        return Err(wrong(&what));
    }
    found.sort();
    Ok(found)
}

fn play(trace: &Trace) -> Result<Vec<Cell>, String> {
    let next = belady::next_uses(&trace.dense, trace.unique);
    let mut cells = Vec::new();
    for share in SHARES {
        let capacity = (trace.unique as f64 * share / 100.0).round() as usize;
        if capacity < FEWEST {
            continue;
        }
        let optimum = belady::optimum(&trace.dense, trace.unique, &next, capacity);
        let mut hit_ratio = Vec::new();
        for contender in Contender::ALL {
            let hits = with_contender!(contender, <u64, u64>, C => hits::<C>(trace, capacity));
            let hits =
                hits.map_err(|error| format!("{} at {capacity}: {error}", contender.name()))?;
            hit_ratio.push((contender.name(), hits as f64 / trace.keys.len() as f64));
        }
        cells.push(Cell {
            trace: trace.name.clone(),
            requests: trace.keys.len(),
            unique: trace.unique,
            share,
            capacity,
            belady: optimum.hits as f64 / trace.keys.len() as f64,
            hit_ratio,
        });
    }
    Ok(cells)
}

/// Hits of a cache that is not let off its upkeep: one that puts evictions off would hold more than it may.
fn hits<C: Peer<u64, u64>>(trace: &Trace, capacity: usize) -> Result<u64, String> {
    let cache = C::new(capacity, None)?;
    let mut hits = 0;
    for &key in &trace.keys {
        match cache.get(&key) {
            Some(value) if value == !key => hits += 1,
            Some(_) => return Err("another key's value".to_owned()),
            None => {
                cache.set(key, !key);
                cache.upkeep();
            }
        }
    }
    Ok(hits)
}

/// Every trace counts the same.
fn means(cells: &[Cell]) -> Vec<Mean> {
    let mean = |share: f64| {
        let at: Vec<&Cell> = cells.iter().filter(|cell| cell.share == share).collect();
        let percent = |of: &dyn Fn(&Cell) -> f64| {
            100.0 * at.iter().map(|cell| of(cell)).sum::<f64>() / at.len() as f64
        };
        let names = at.first()?.hit_ratio.iter().enumerate();
        Some(Mean {
            share,
            traces: at.len(),
            belady: percent(&|cell| cell.belady),
            hit_ratio: names
                .map(|(index, (name, _))| (*name, percent(&|cell| cell.hit_ratio[index].1)))
                .collect(),
        })
    };
    SHARES.into_iter().filter_map(mean).collect()
}

fn table(means: &[Mean]) -> String {
    let mut text = format!("{:>9} {:>7} {:>8}", "% of keys", "traces", "Belady");
    for (name, _) in means
        .iter()
        .flat_map(|mean| &mean.hit_ratio)
        .take(Contender::ALL.len())
    {
        let _ = write!(text, " {name:>12}");
    }
    text.push('\n');
    for mean in means {
        let _ = write!(
            text,
            "{:>9} {:>7} {:>8.2}",
            mean.share, mean.traces, mean.belady
        );
        for (_, percent) in &mean.hit_ratio {
            let _ = write!(text, " {percent:>12.2}");
        }
        text.push('\n');
    }
    text + "\n"
}

fn plot(means: &[Mean]) -> Plot {
    // The smallest capacities of small traces are left out; a mean over other traces would be no point of the same line.
    let all = means.iter().map(|mean| mean.traces).max().unwrap_or(0);
    let means = || means.iter().filter(|mean| mean.traces == all);
    let mut series = vec![];
    for (index, contender) in Contender::ALL.iter().enumerate() {
        let points = means().map(|mean| (mean.share, mean.hit_ratio[index].1));
        series.push(Series::new(contender.name(), points.collect()));
    }
    let points = means().map(|mean| (mean.share, mean.belady)).collect();
    series.push(Series::new("Belady", points));
    let plot = Plot::percent(
        format!("Hit ratio, mean of {all} traces"),
        "capacity, % of the trace's keys (log)",
        "hit ratio, %",
        series,
    );
    plot.with_x_ticks(means().map(|mean| mean.share).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_traces_is_played_and_meant() {
        // A loop over more keys than fit, and a stream where some keys come often.
        let looped = Trace::new("loop", (0..6_000).map(|n| n % 200).collect());
        let mixed = Trace::new(
            "mixed",
            (0..6_000_u64)
                .map(|n| n * n % 997 % (n % 200 + 1))
                .collect(),
        );
        let cells: Vec<Cell> = [looped, mixed]
            .iter()
            .flat_map(|trace| play(trace).unwrap())
            .collect();
        let means = means(&cells);
        let last = means.last().unwrap();
        assert_eq!((last.share, last.traces), (25.0, 2));
        let tux = last.hit_ratio[0];
        assert_eq!(tux.0, "tux-cache");
        assert!(tux.1 > 1.0 && tux.1 <= last.belady, "{last:?}");
        assert!(table(&means).contains("quick_cache"));
        let all = Summary::of(&cells);
        assert!(
            all.tux_cache <= all.belady && all.best_peer > 0.0,
            "{all:?}"
        );
        assert!(all.worst <= all.tux_cache - all.best_peer + 1e-9, "{all:?}");
    }

    #[test]
    fn a_folder_without_traces_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = files(folder.path(), None).unwrap_err();
        assert!(error.contains("no trace there"), "{error}");
        assert!(files(&folder.path().join("none"), None).is_err());
        std::fs::write(folder.path().join("a.u64.zst"), "").unwrap();
        std::fs::write(folder.path().join("baseline.csv"), "").unwrap();
        assert_eq!(files(folder.path(), None).unwrap().len(), 1);
        assert!(files(folder.path(), Some("b")).is_err());
    }
}
