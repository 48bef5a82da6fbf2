//! How cost grows: with the number of entries, measured; with the number of threads, measured up to two and modelled
//! beyond.
//!
//! The model is in `model.rs`; it is checked against what two threads really do, and the record holds both.

mod model;
mod ping;
mod report;

use tux_cache_watched::calls::Call;

use crate::{
    out,
    ratios::{
        Rival,
        measure::{self, Cell},
        scenario::Scenario,
    },
    record::{MachineCard, Place},
};

/// Measures what operations cost from a thousand to ten million entries and by one and two threads, and models more
/// threads.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Entries, several separated by commas: 1000 to 10000000
    #[arg(long, value_name = "N[,N…]", value_delimiter = ',', default_value = "1000,10000,100000,1000000,10000000",
          value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
    sizes: Vec<u64>,

    /// Rounds of each timing: 1 to 1001
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=1_001))]
    rounds: u32,

    /// Write record and plots to results/MACHINE/, to be committed, instead of results/local/
    #[arg(long)]
    keep: bool,
}

/// Entries of the caches that several threads use.
const THREADED_ENTRIES: usize = 100_000;
/// Threads that the model is asked about.
const MODELLED: [usize; 6] = [2, 4, 8, 16, 32, 96];
/// Calls of each thread that are replayed.
const REPLAYED: usize = 400;

pub(crate) fn run(args: &Args) -> Result<(), String> {
    let card = MachineCard::take();
    let by_size = sizes(args)?;
    out::print(&report::sizes(&by_size))?;
    let mut by_threads = Vec::new();
    for kind in [Scenario::Read, Scenario::Mixed] {
        for threads in [1, 2] {
            let scenario = kind(THREADED_ENTRIES, threads);
            by_threads.extend(measure::rounds(
                scenario,
                &[Rival::Tux, Rival::Quick],
                args.rounds,
            )?);
        }
    }
    let transfer = ping::transfer_ns();
    let forecasts = [
        forecast("hits", Call::Hit, Scenario::Read, &by_threads, transfer),
        forecast(
            "80 % hits",
            Call::Mixed,
            Scenario::Mixed,
            &by_threads,
            transfer,
        ),
    ]
    .into_iter()
    .collect::<Result<Vec<_>, _>>()?;
    out::print(&report::threads(&by_threads, &forecasts))?;
    let place = Place::new(&card, "cost", args.keep)?;
    let record = report::record(
        args.rounds,
        &by_size,
        &by_threads,
        &forecasts,
        transfer,
        &card,
    );
    out::print(&place.record(&record)?)?;
    for (name, plot) in report::plots(&by_size, &by_threads, &forecasts) {
        out::print(&place.plot(name, &plot)?)?;
    }
    Ok(())
}

/// Hits, inserts at capacity and overwrites at each size.
fn sizes(args: &Args) -> Result<Vec<Cell>, String> {
    let mut cells = Vec::new();
    for &size in &args.sizes {
        let size = size as usize;
        for scenario in [
            Scenario::Hit(size),
            Scenario::Insert(size),
            Scenario::Overwrite(size),
        ] {
            let mut rivals = vec![Rival::Tux, Rival::Quick];
            match scenario {
                Scenario::Hit(_) => rivals.extend([Rival::Papaya, Rival::Hashbrown]),
                // Its upkeep makes filling ten million entries a matter of minutes.
                Scenario::Insert(_) if size <= 1_000_000 => rivals.push(Rival::Moka),
                _ => {}
            }
            cells.extend(measure::rounds(scenario, &rivals, args.rounds)?);
        }
    }
    Ok(cells)
}

/// Measured with one and two threads beside what the model says.
fn forecast(
    what: &'static str,
    call: Call,
    kind: fn(usize, usize) -> Scenario,
    measured: &[Cell],
    transfer: f64,
) -> Result<model::Forecast, String> {
    let ns = |threads| {
        let scenario = kind(THREADED_ENTRIES, threads);
        let cell = measured
            .iter()
            .find(|cell| cell.rival == Rival::Tux && cell.kind == scenario);
        cell.map(|cell| cell.ns)
            .ok_or_else(|| format!("{}: not measured", scenario.name()))
    };
    Ok(model::forecast(what, call, ns(1)?, ns(2)?, transfer))
}
