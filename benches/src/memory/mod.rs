//! Memory: bytes per entry, and whether it stays flat, through minutes of churn and after a reader that stalled in a
//! view.
//!
//! Heap bytes are counted by the program's own allocator, exactly; the resident set, which also shows what the
//! allocator keeps and what is mapped past it, is read from the system. Nothing here is a timing: it may run on a busy
//! machine.

mod entries;
mod load;
mod report;
mod watch;

use std::time::Duration;

use crate::{
    out,
    record::{MachineCard, Place},
};
use watch::{Seen, Times};

/// Watches heap, resident set and what `stats()` says of it through churn and a stalled view.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long the churn goes on: 1s to 1day
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = time)]
    churn: Duration,

    /// How long a reader then stalls in a view while writes go on: 1s to 1day
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = time)]
    stall: Duration,

    /// Write record and plots to results/MACHINE/, to be committed, instead of results/local/
    #[arg(long)]
    keep: bool,
}

fn time(text: &str) -> Result<Duration, String> {
    let (from, to) = (Duration::from_secs(1), Duration::from_secs(86_400));
    match humantime::parse_duration(text) {
        Ok(time) if (from..=to).contains(&time) => Ok(time),
        _ => Err("expected a time from 1s to 1day, for example 90s or 10m".to_owned()),
    }
}

/// Whether all bounds hold.
pub(crate) fn run(args: &Args) -> Result<bool, String> {
    let card = MachineCard::take();
    let entries = entries::all();
    out::print(&report::entries(&entries))?;
    let seen: Seen = watch::watch(&Times::new(args.churn, args.stall))?;
    let verdicts = report::verdicts(&entries, &seen);
    out::print(&report::verdicts_table(&verdicts))?;
    let place = Place::new(&card, "memory", args.keep)?;
    out::print(&place.record(&report::record(&entries, &seen, &verdicts, &card))?)?;
    for (name, plot) in report::plots(&seen) {
        out::print(&place.plot(name, &plot)?)?;
    }
    Ok(verdicts.iter().all(|verdict| verdict.holds))
}
