//! Tables, verdicts, record and plots.

use std::fmt::Write as _;

use serde::Serialize;

use super::{
    entries::{BOUND, Entries, SIZES},
    load::{CAPACITY, TTL},
    watch::{Sample, Seen},
};
use crate::{
    peers::Contender,
    plot::{Plot, Series},
    record::MachineCard,
    table::grouped,
};

/// One bound and what was found.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Verdict {
    what: &'static str,
    found: String,
    pub(super) holds: bool,
}

/// The record of a run.
#[derive(Debug, Serialize)]
pub(super) struct Record<'a> {
    what: &'static str,
    sizes: [usize; SIZES.len()],
    bytes_per_entry: &'a [Entries],
    capacity: usize,
    ttl_seconds: u64,
    verdicts: &'a [Verdict],
    watched: &'a Seen,
    machine: &'a MachineCard,
}

pub(super) fn record<'a>(
    entries: &'a [Entries],
    seen: &'a Seen,
    verdicts: &'a [Verdict],
    machine: &'a MachineCard,
) -> Record<'a> {
    Record {
        what: "heap bytes per entry beyond key and value, u64 to u64; heap, resident set and stats().unreclaimed through \
               churn and a view that stays open",
        sizes: SIZES,
        bytes_per_entry: entries,
        capacity: CAPACITY,
        ttl_seconds: TTL.as_secs(),
        verdicts,
        watched: seen,
        machine,
    }
}

pub(super) fn entries(all: &[Entries]) -> String {
    let mut text = format!(
        "bytes of heap per entry beyond key and value, u64 to u64, cache full (bound for tux-cache: {BOUND})\n{:<14}",
        ""
    );
    for size in SIZES {
        let _ = write!(text, " {:>10}", grouped(size as u64));
    }
    text.push('\n');
    for line in all {
        let _ = write!(text, "{:<14}", line.cache);
        for bytes in line.bytes_per_entry {
            let bytes = bytes.map_or_else(|| "–".to_owned(), |bytes| format!("{bytes:.1}"));
            let _ = write!(text, " {bytes:>10}");
        }
        text.push('\n');
    }
    text + "\n"
}

/// What must hold, and whether it did.
pub(super) fn verdicts(entries: &[Entries], seen: &Seen) -> Vec<Verdict> {
    let own = entries
        .iter()
        .find(|line| line.cache == Contender::TuxCache.name());
    let bytes: Vec<f64> = own
        .iter()
        .flat_map(|line| line.bytes_per_entry)
        .flatten()
        .collect();
    let listed: Vec<String> = bytes.iter().map(|bytes| format!("{bytes:.1}")).collect();
    let mut found = vec![Verdict {
        what: "at most 72 bytes an entry beyond key and value",
        found: listed.join(" and "),
        holds: bytes.len() == SIZES.len() && bytes.iter().all(|&bytes| bytes <= BOUND),
    }];
    let heap = |sample: &Sample| sample.heap as f64;
    found.push(flat("churn: heap flat (1 %)", &seen.churn, 0.01, heap));
    let set = |sample: &Sample| sample.resident_set as f64;
    found.push(flat(
        "churn: resident set flat (5 %)",
        &seen.churn,
        0.05,
        set,
    ));

    let last = seen.stalled.last().unwrap_or(&seen.before);
    let held = last.unreclaimed.saturating_sub(seen.before.unreclaimed);
    let growth = last.heap - seen.before.heap;
    found.push(Verdict {
        what: "stalled view: what stats() says is held back is what left the cache (10 %)",
        found: format!(
            "{} of {} entries, {} of heap, {:.0} bytes each",
            grouped(held),
            grouped(seen.left_meanwhile),
            mebibytes(growth as f64),
            growth as f64 / held.max(1) as f64
        ),
        // An overwritten or evicted entry is one; so is what the ledger retires beside it.
        holds: seen.left_meanwhile > 0
            && held as f64 >= 0.9 * seen.left_meanwhile as f64
            && growth > 0,
    });
    let now = &seen.recovered;
    found.push(Verdict {
        what: "a second after the view was closed: heap flat (1 %)",
        found: format!(
            "{} before, {} at its end, {} after {:.1} s, highest later {}",
            mebibytes(heap(&seen.before)),
            mebibytes(heap(last)),
            mebibytes(heap(now)),
            now.seconds - last.seconds,
            mebibytes(seen.highest_later as f64)
        ),
        holds: seen.highest_later as f64 <= 1.01 * heap(now),
    });
    found.push(Verdict {
        what: "when all that was in the cache then has gone: heap as before the view was opened (5 %)",
        found: format!(
            "{} before, {} after {:.0} s",
            mebibytes(heap(&seen.before)),
            mebibytes(heap(&seen.renewed)),
            seen.renewed.seconds - last.seconds
        ),
        holds: heap(&seen.renewed) <= 1.05 * heap(&seen.before),
    });
    found.push(Verdict {
        what: "a second after the view was closed: nothing held back (1 % of the capacity)",
        found: format!(
            "{} before, {} at its end, {} after",
            grouped(seen.before.unreclaimed),
            grouped(last.unreclaimed),
            grouped(now.unreclaimed)
        ),
        holds: now.unreclaimed <= seen.before.unreclaimed + CAPACITY as u64 / 100,
    });
    found
}

/// Whether the highest of the last tenth is within `share` of the highest of the second tenth: the first fills the cache
/// and the pools.
fn flat(
    what: &'static str,
    samples: &[Sample],
    share: f64,
    of: impl Fn(&Sample) -> f64,
) -> Verdict {
    let tenth = samples.len() / 10;
    let highest = |part: &[Sample]| part.iter().map(&of).fold(0.0, f64::max);
    let (early, late) = (
        highest(samples.get(tenth..2 * tenth).unwrap_or_default()),
        highest(samples.get(samples.len() - tenth..).unwrap_or_default()),
    );
    Verdict {
        what,
        found: format!(
            "highest of the second tenth {}, of the last {}",
            mebibytes(early),
            mebibytes(late)
        ),
        holds: early > 0.0 && late <= early * (1.0 + share),
    }
}

pub(super) fn verdicts_table(verdicts: &[Verdict]) -> String {
    let mut text = String::new();
    for verdict in verdicts {
        let sign = if verdict.holds { "holds  " } else { "BROKEN " };
        let _ = writeln!(text, "{sign} {}: {}", verdict.what, verdict.found);
    }
    text + "\n"
}

const MEBIBYTE: f64 = 1_048_576.0;

fn mebibytes(bytes: f64) -> String {
    format!("{:.2} MiB", bytes / MEBIBYTE)
}

/// One plot of the churn, one of the stalled view.
pub(super) fn plots(seen: &Seen) -> [(&'static str, Plot); 2] {
    let line = |label: &str, samples: &[Sample], of: fn(&Sample) -> f64| {
        let points = samples.iter().map(|sample| (sample.seconds, of(sample)));
        Series::new(label, points.collect())
    };
    let heap = |sample: &Sample| sample.heap as f64 / MEBIBYTE;
    let set = |sample: &Sample| sample.resident_set as f64 / MEBIBYTE;
    let churn = vec![
        line("resident set", &seen.churn, set),
        line("heap", &seen.churn, heap),
    ];
    let stalled: Vec<Sample> = [&[seen.before], &seen.stalled[..], &seen.after].concat();
    // In units of ten thousand it fits beside the bytes.
    let held = |sample: &Sample| sample.unreclaimed as f64 / 10_000.0;
    let stalled = vec![
        line("resident, MiB", &stalled, set),
        line("heap, MiB", &stalled, heap),
        line("held back, 10 k", &stalled, held),
    ];
    [
        (
            "churn",
            Plot::over_time("Memory through churn", "MiB", churn),
        ),
        (
            "stall",
            Plot::over_time(
                "A view stays open, then is closed",
                "MiB; entries held back, 10 k",
                stalled,
            ),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(heap: i64, unreclaimed: u64) -> Sample {
        Sample {
            seconds: 0.0,
            heap,
            resident_set: 2 * heap as u64,
            unreclaimed,
            len: 10,
        }
    }

    fn seen() -> Seen {
        Seen {
            churn: vec![sample(1_000_000, 5); 100],
            churn_operations: 1,
            before: sample(1_000_000, 5),
            stalled: vec![sample(3_000_000, 10_005)],
            left_meanwhile: 10_000,
            after: vec![],
            recovered: sample(1_060_000, 50),
            highest_later: 1_060_000,
            renewed: sample(1_010_000, 50),
        }
    }

    fn entry(bytes: f64) -> Vec<Entries> {
        vec![Entries {
            cache: "tux-cache",
            bytes_per_entry: [Some(bytes), Some(60.0)],
        }]
    }

    fn broken(entries: &[Entries], seen: &Seen) -> Vec<usize> {
        let verdicts = verdicts(entries, seen);
        (0..verdicts.len())
            .filter(|&index| !verdicts[index].holds)
            .collect()
    }

    #[test]
    fn each_bound_is_judged_by_itself() {
        assert_eq!(broken(&entry(70.0), &seen()), Vec::<usize>::new());
        assert_eq!(broken(&entry(72.1), &seen()), [0]);
        let mut growing = seen();
        growing.churn.extend(vec![sample(1_011_000, 5); 12]);
        assert_eq!(broken(&entry(70.0), &growing), [1]);
        for sample in &mut growing.churn[100..] {
            sample.resident_set = 2_200_000;
        }
        assert_eq!(broken(&entry(70.0), &growing), [1, 2]);
        let mut hidden = seen();
        hidden.stalled[0].unreclaimed = 8_000;
        assert_eq!(broken(&entry(70.0), &hidden), [3]);
        let mut kept = seen();
        kept.recovered = sample(1_060_000, 1_006);
        kept.renewed = sample(1_060_000, 50);
        assert_eq!(broken(&entry(70.0), &kept), [5, 6]);
        let mut growing = seen();
        growing.highest_later = 1_080_000;
        assert_eq!(broken(&entry(70.0), &growing), [4]);
    }
}
