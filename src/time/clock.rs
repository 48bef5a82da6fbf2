//! The clock of a store, for whoever keeps ages and throttles beside it.

use super::{Line, TickCell, Ticker, ticks};
use std::sync::Arc;
use std::time::Duration;

/// A ticker that is shared: a store's entries, and what is kept beside the store, go by the same one.
#[derive(Clone)]
pub(crate) struct StoreClock {
    ticker: Arc<dyn Ticker>,
    cell: Option<TickCell>,
}

impl StoreClock {
    pub(crate) fn new(ticker: impl Ticker) -> Self {
        Self {
            cell: ticker.cell(),
            ticker: Arc::new(ticker),
        }
    }

    /// Whole milliseconds since the ticker's fixed point: one load where somebody shows the tick, else the ticker is asked.
    pub(crate) fn now(&self) -> u64 {
        match self.cell.as_ref().map(TickCell::line) {
            Some(line) if line != Line::PARKED => line.ticks(),
            _ => ticks(self.ticker.now()),
        }
    }
}

impl Ticker for StoreClock {
    fn now(&self) -> Duration {
        self.ticker.now()
    }

    fn cell(&self) -> Option<TickCell> {
        self.cell.clone()
    }
}

impl std::fmt::Debug for StoreClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("StoreClock")
            .field(&self.ticker.now())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::ManualTicker;

    #[test]
    fn it_goes_by_its_ticker_and_lends_its_cell() {
        let ticker = ManualTicker::new();
        let clock = StoreClock::new(ticker.clone());
        assert_eq!(clock.now(), 0);
        ticker.advance(Duration::from_micros(2_500));
        assert_eq!(clock.now(), 2);
        assert!(clock.cell().is_some());

        struct Bare(ManualTicker);
        impl Ticker for Bare {
            fn now(&self) -> Duration {
                Ticker::now(&self.0)
            }
        }
        let bare = StoreClock::new(Bare(ticker.clone()));
        ticker.advance(Duration::from_millis(7));
        assert_eq!(bare.now(), 9);
    }
}
