//! Latency while a cache is at work: every single hit and every single write, free of coordinated omission.
//!
//! Two threads follow a timetable each: one looks up keys that stay, one writes, a fifth of it over those keys, the rest
//! new keys, of which more than half expire after 10 ms; the cache is full, so that writes evict. An operation's time
//! runs from the moment it was **due** to its end. A thread that is held up starts the next operations late, and their
//! waiting counts: nothing is left out because the measurer was busy waiting.
//!
//! The caches take turns in slices of a second. Among them runs a timetable whose operation does nothing:
//! the machine's own share, interrupts and other tenants included, which no cache can be below. What a machine does to a
//! thread for milliseconds decides the far percentiles of a whole run, so beside those of all operations there are those
//! of each slice, of which the median is shown.

mod pace;
mod report;
mod scene;

use quanta::Clock;

use crate::{
    out,
    peers::Contender,
    record::{MachineCard, Place},
    with_contender,
};
use report::Line;
use scene::{Plan, Recorded, Scene, Slice};

/// Measures single hits and writes by timetable, with evictions and expiry going on, for tux-cache and its peers.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many slices of a second each cache is measured: 1 to 600
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,

    /// Look-ups a second: 1000 to 5000000
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1_000..=5_000_000))]
    reads: u64,

    /// Writes a second: 1000 to 2000000
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1_000..=2_000_000))]
    writes: u64,

    /// Write record and plots to results/MACHINE/, to be committed, instead of results/local/
    #[arg(long)]
    keep: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), String> {
    let card = MachineCard::take();
    let plan = Plan::new(args.reads, args.writes, 1);
    let mut scenes: Vec<Box<dyn Slice>> = Vec::new();
    for contender in Contender::ALL {
        scenes.push(with_contender!(contender, <u64, u64>, C => {
            Box::new(Scene::<C>::new(contender.name())?) as Box<dyn Slice>
        }));
    }
    scenes.push(Box::new(scene::Nothing));
    let clock = Clock::new();
    let mut recorded: Vec<Recorded> = scenes.iter().map(|_| Recorded::default()).collect();
    // One slice each to warm up.
    for scene in &mut scenes {
        scene.slice(&plan, &clock, &mut Recorded::default())?;
    }
    for round in 0..args.seconds as usize {
        for turn in 0..scenes.len() {
            let index = (round + turn) % scenes.len();
            scenes[index].slice(&plan, &clock, &mut recorded[index])?;
        }
    }
    let lines: Vec<Line> = scenes
        .iter()
        .zip(&recorded)
        .map(|(scene, recorded)| Line::new(scene.name(), recorded))
        .collect();
    out::print(&report::table(&lines))?;
    let place = Place::new(&card, "latency", args.keep)?;
    out::print(&place.record(&report::record(args, &lines, &card))?)?;
    for (name, plot) in report::plots(&lines) {
        out::print(&place.plot(name, &plot)?)?;
    }
    Ok(())
}
