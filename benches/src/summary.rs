//! A page over the newest records of this machine: `results/MACHINE/README.md`.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    out,
    record::{MachineCard, machine_folder},
};

/// Writes the page and says where it is.
pub(crate) fn run() -> Result<(), String> {
    let path = write(&machine_folder(&MachineCard::take()))?;
    out::print(&format!("summary {}\n", path.display()))
}

/// A record and the stem of its file.
struct Found {
    stem: String,
    record: Value,
}

fn write(folder: &Path) -> Result<PathBuf, String> {
    let read = |what| newest(folder, what);
    let (ratios, cost, latency, hit_ratio) = (
        read("ratios")?,
        read("cost")?,
        read("latency")?,
        read("hit-ratio")?,
    );
    let all = [&ratios, &cost, &latency, &hit_ratio];
    let Some(first) = all.iter().find_map(|found| found.as_ref()) else {
        return Err(format!(
            "{}: no records; `cargo xtask bench` makes them",
            folder.display()
        ));
    };
    let card = &first.record["machine"];
    let mut page = format!(
        "# {}, {} cores\n\nWritten by `cargo xtask bench` from the newest records of this folder; what they mean stands in \
         [../README.md](../README.md).\n\n| record | date | commit | rustc | kernel | load before |\n|---|---|---|---|---|---|\n",
        text(&card["cpu"]),
        card["cores"]
    );
    for found in all.into_iter().flatten() {
        let card = &found.record["machine"];
        let _ = writeln!(
            page,
            "| [{stem}.json]({stem}.json) | {} | {} | {} | {} | {} |",
            text(&card["date"]),
            text(&card["commit"]),
            text(&card["rustc"])
                .trim_start_matches("rustc ")
                .split(' ')
                .next()
                .unwrap_or_default(),
            text(&card["kernel"]),
            text(&card["load"]),
            stem = found.stem,
        );
    }
    if let Some(found) = &ratios {
        goals(&mut page, found);
    }
    if let Some(found) = &latency {
        latencies(&mut page, found);
    }
    if let Some(found) = &cost {
        costs(&mut page, found);
    }
    if let Some(found) = &hit_ratio {
        hit_ratios(&mut page, found);
    }
    let path = folder.join("README.md");
    fs::write(&path, page).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path)
}

/// The newest `DATE-what.json` of the folder.
fn newest(folder: &Path, what: &str) -> Result<Option<Found>, String> {
    let ending = format!("-{what}.json");
    // `2026-11-22-hit-ratio.json` is no record of "ratio": what comes before the ending must be a date.
    let is_record = |name: &String| {
        name.strip_suffix(&ending).is_some_and(|date| {
            date.len() == 10 && date.bytes().all(|b| b.is_ascii_digit() || b == b'-')
        })
    };
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    let name = names
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(is_record)
        .max();
    let Some(name) = name else { return Ok(None) };
    let path = folder.join(&name);
    let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let bytes = fs::read(&path).map_err(|error| wrong(&error))?;
    let record = serde_json::from_slice(&bytes).map_err(|error| wrong(&error))?;
    let stem = name.trim_end_matches(".json").to_owned();
    Ok(Some(Found { stem, record }))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn goals(page: &mut String, found: &Found) {
    let record = &found.record;
    let _ = writeln!(
        page,
        "\n## Against the goals\n\nRatios of medians over {} rounds in which all take turns.\n\n\
         | ratio | scenario | is | goal | floor | |\n|---|---|---|---|---|---|",
        record["rounds"]
    );
    for verdict in list(&record["verdicts"]) {
        let more_is_better = verdict["throughput"] == true;
        let ratio = number(&verdict["ratio"]);
        let meets = |limit: &Value| {
            if more_is_better {
                ratio >= number(limit)
            } else {
                ratio <= number(limit)
            }
        };
        let word = match (meets(&verdict["goal"]), meets(&verdict["floor"])) {
            (true, _) => "goal met",
            (_, true) => "floor met",
            _ => "**not met**",
        };
        let than = if more_is_better { "≥" } else { "≤" };
        let _ = writeln!(
            page,
            "| {} | {} | {ratio:.2} | {than} {} | {than} {} | {word} |",
            text(&verdict["what"]),
            text(&verdict["scenario"]),
            verdict["goal"],
            verdict["floor"],
        );
    }
    times(page, &list(&record["cells"]).collect::<Vec<_>>());
}

/// A row for each scenario and a column for everything that was timed.
fn times(page: &mut String, cells: &[&Value]) {
    let (mut scenarios, mut rivals) = (Vec::new(), Vec::new());
    for cell in cells {
        let (scenario, rival) = (text(&cell["scenario"]), text(&cell["rival"]));
        if !scenarios.contains(&scenario) {
            scenarios.push(scenario);
        }
        if !rivals.contains(&rival) {
            rivals.push(rival);
        }
    }
    if scenarios.is_empty() {
        return;
    }
    let _ = writeln!(
        page,
        "\nMedians in ns per operation; with several threads the wall's time over the operations of all. What the bounds are stands \
         in [performance-notes](../../docs/performance-notes.md#what-bounds-a-hit).\n\n| | {} |\n|---{}|",
        rivals.join(" | "),
        "|---".repeat(rivals.len())
    );
    for scenario in scenarios {
        let _ = write!(page, "| {scenario} |");
        for rival in &rivals {
            let is_it = |cell: &&&Value| {
                text(&cell["scenario"]) == scenario && text(&cell["rival"]) == *rival
            };
            let _ = match cells.iter().find(is_it) {
                Some(cell) => write!(page, " {:.1} |", number(&cell["ns"])),
                None => write!(page, " |"),
            };
        }
        page.push('\n');
    }
}

fn latencies(page: &mut String, found: &Found) {
    let record = &found.record;
    let _ = writeln!(
        page,
        "\n## Latency under load\n\nSingle operations in ns, from when each was due to its end: {} look-ups and {} writes a \
         second on two threads. In brackets the median of the seconds.",
        record["reads_per_second"], record["writes_per_second"]
    );
    for (what, plot) in [("hit", "hit"), ("write", "write")] {
        let _ = writeln!(
            page,
            "\n| {what} | p50 | p99 | p99.9 | p99.99 | max |\n|---|---|---|---|---|---|"
        );
        for cache in list(&record["caches"]) {
            let of = &cache[what];
            let second = |index: usize| &of["median_slice"][index];
            let _ = writeln!(
                page,
                "| {} | {} | {} ({}) | {} ({}) | {} ({}) | {} |",
                text(&cache["cache"]),
                of["p50"],
                of["p99"],
                second(0),
                of["p99_9"],
                second(1),
                of["p99_99"],
                second(2),
                of["max"],
            );
        }
        image(
            page,
            found,
            &format!("-{plot}"),
            &format!("latency of a {what} under load"),
        );
    }
}

fn costs(page: &mut String, found: &Found) {
    let _ = writeln!(page, "\n## Cost against entries\n");
    image(page, found, "-hit", "cost of a hit against entries");
    image(
        page,
        found,
        "-insert",
        "cost of an insert at capacity against entries",
    );
    let _ = writeln!(page, "\n| ns per operation | | |\n|---|---|---|");
    for cell in list(&found.record["by_size"]) {
        let _ = writeln!(
            page,
            "| {} | {} | {:.1} |",
            text(&cell["scenario"]),
            text(&cell["rival"]),
            number(&cell["ns"])
        );
    }
    let _ = writeln!(
        page,
        "\n## Throughput against threads\n\nA line takes {:.0} ns from one core of this machine to the other.\n",
        number(&found.record["transfer_here_ns"])
    );
    image(page, found, "-threads", "throughput against threads");
    let _ = writeln!(
        page,
        "\n| M op/s | 1 thread | 2 threads | modelled for 2 | model ÷ measured | 8 | 32 | 96 threads, modelled |\n\
         |---|---|---|---|---|---|---|---|"
    );
    for forecast in list(&found.record["forecasts"]) {
        let at = |threads: u64| {
            let point = list(&forecast["points"]).find(|point| point["threads"] == threads);
            point.map_or(f64::NAN, |point| number(&point["mops"]))
        };
        let _ = writeln!(
            page,
            "| tux-cache, {} | {:.1} | {:.1} | {:.1} | {:.2} | {:.0} | {:.0} | {:.0} |",
            text(&forecast["what"]),
            1_000.0 / number(&forecast["one_thread_ns"]),
            number(&forecast["two_threads_mops"]),
            number(&forecast["two_threads_modelled_mops"]),
            number(&forecast["modelled_over_measured"]),
            at(8),
            at(32),
            at(96),
        );
    }
}

fn hit_ratios(page: &mut String, found: &Found) {
    let all = &found.record["summary"];
    let _ = writeln!(
        page,
        "\n## Hit ratio\n\n{} cells of trace × capacity: tux-cache {:.2} %, the best published cache of each cell {:.2} %, \
         the optimum (Belady) {:.2} %. Worst cell {:+.2} points against the best peer; {} cells more than a point below.\n",
        all["cells"],
        number(&all["tux_cache"]),
        number(&all["best_peer"]),
        number(&all["belady"]),
        number(&all["worst"]),
        all["more_than_one_point_below"],
    );
    image(
        page,
        found,
        "",
        "hit ratio against capacity, mean over the traces",
    );
}

fn image(page: &mut String, found: &Found, name: &str, what: &str) {
    let _ = writeln!(page, "\n![{what}]({}{name}.svg)", found.stem);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_newest_records_are_summed_up() {
        let folder = tempfile::tempdir().unwrap();
        let machine = json!({"cpu": "A CPU", "cores": 2, "rustc": "rustc 1.95.0 (x)", "date": "d", "load": "0", "kernel": "k", "commit": "c"});
        let ratios = |ratio: f64| {
            let verdict = json!({"what": "hit ÷ x", "scenario": "hit, 1 k", "ratio": ratio, "throughput": false, "goal": 0.6, "floor": 0.8});
            let cell = |scenario: &str, rival: &str, ns: f64| json!({"scenario": scenario, "rival": rival, "ns": ns});
            let cells = [
                cell("hit, 1 k", "a", 4.0),
                cell("hit, 1 k", "b", 2.5),
                cell("pin, 1 k", "b", 3.0),
            ];
            json!({"rounds": 3, "verdicts": [verdict], "cells": cells, "machine": machine})
                .to_string()
        };
        let put = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
        assert!(
            write(folder.path())
                .unwrap_err()
                .contains("cargo xtask bench")
        );
        put("2026-01-01-ratios.json", ratios(9.0));
        put("2026-01-02-ratios.json", ratios(0.7));
        let page = fs::read_to_string(write(folder.path()).unwrap()).unwrap();
        assert!(page.starts_with("# A CPU, 2 cores"), "{page}");
        assert!(
            page.contains("2026-01-02-ratios.json") && !page.contains("2026-01-01"),
            "{page}"
        );
        assert!(
            page.contains("| hit ÷ x | hit, 1 k | 0.70 | ≤ 0.6 | ≤ 0.8 | floor met |"),
            "{page}"
        );
        let times = "| | a | b |\n|---|---|---|\n| hit, 1 k | 4.0 | 2.5 |\n| pin, 1 k | | 3.0 |\n";
        assert!(page.contains(times), "{page}");
        put("2026-01-03-ratios.json", "{".into());
        assert!(
            write(folder.path())
                .unwrap_err()
                .contains("2026-01-03-ratios.json")
        );
    }
}
