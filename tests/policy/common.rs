//! A cache whose time stands still, and an origin that says what it is told to, when it is told to.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;
use tux_cache::backend::{Backend, InMemoryBackend};
use tux_cache::managers::{CaseCache, ManagerOptions, MaybeStale};
use tux_cache::time::ManualTicker;

pub(crate) const GUILD: u64 = 1;
pub(crate) const TTL: Duration = seconds(60);

pub(crate) const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Values live for a minute and are kept for an hour.
pub(crate) fn kept() -> ManagerOptions {
    ManagerOptions::new()
        .ttl(TTL)
        .keep_stale(seconds(3_600), 1_000)
}

pub(crate) fn memory() -> (ManualTicker, Backend) {
    let ticker = ManualTicker::new();
    let memory = InMemoryBackend::builder()
        .max_size(10_000)
        .ticker(ticker.clone())
        .build();
    (ticker, memory.unwrap().into())
}

pub(crate) struct World {
    pub(crate) ticker: ManualTicker,
    pub(crate) backend: Backend,
    pub(crate) cases: CaseCache,
    pub(crate) origin: Origin,
}

pub(crate) fn world(options: ManagerOptions) -> World {
    let (ticker, backend) = memory();
    World {
        ticker,
        cases: CaseCache::try_with_options(backend.clone(), options).unwrap(),
        backend,
        origin: Origin::default(),
    }
}

impl World {
    /// What a call of the stale kind says about case 1.
    pub(crate) async fn ask(&self) -> Result<MaybeStale<Option<u64>>, tux_cache::Error> {
        let load = self.origin.load();
        self.cases.get_or_fetch_stale(GUILD, 1, load).await
    }

    /// What a plain call says.
    pub(crate) async fn ask_fresh(&self) -> Result<Option<u64>, tux_cache::Error> {
        self.cases.get_or_fetch(GUILD, 1, self.origin.load()).await
    }

    /// In a task of its own.
    pub(crate) fn asking(
        &self,
    ) -> tokio::task::JoinHandle<Result<MaybeStale<Option<u64>>, tux_cache::Error>> {
        let (cases, load) = (self.cases.clone(), self.origin.load());
        tokio::spawn(async move { cases.get_or_fetch_stale(GUILD, 1, load).await })
    }

    /// Case 1 is known as 10, and has been over for so long.
    pub(crate) async fn over_for(&self, time: Duration) {
        self.origin.says(10);
        assert_eq!(self.ask().await.unwrap(), MaybeStale::Fresh(Some(10)));
        self.ticker.advance(TTL + Duration::from_millis(1) + time);
        assert_eq!(self.cases.get(GUILD, 1).await.unwrap(), None);
    }

    pub(crate) async fn stored(&self) -> Option<Option<u64>> {
        self.cases.get(GUILD, 1).await.unwrap()
    }

    /// The stored value, once it is this one.
    pub(crate) async fn until_stored(&self, id: u64) {
        until(async || self.stored().await == Some(Some(id))).await;
    }
}

/// An answer's value, if it is stale.
pub(crate) fn stale<T>(answer: Result<MaybeStale<T>, tux_cache::Error>) -> Option<T> {
    match answer.unwrap() {
        MaybeStale::Stale { value, .. } => Some(value),
        _ => None,
    }
}

pub(crate) async fn until(mut done: impl AsyncFnMut() -> bool) {
    for _ in 0..1_000_000 {
        if done().await {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("this never came");
}

#[derive(Clone, Copy)]
enum Answer {
    Id(Option<u64>),
    Failure,
    Panic,
}

type Answering = Pin<Box<dyn Future<Output = Result<Option<u64>, io::Error>> + Send>>;

/// Where values come from.
#[derive(Clone, Default)]
pub(crate) struct Origin(Arc<OriginState>);

struct OriginState {
    loads: AtomicU32,
    answer: Mutex<Answer>,
    gate: Mutex<Option<Arc<Semaphore>>>,
}

impl Default for OriginState {
    fn default() -> Self {
        Self {
            loads: AtomicU32::new(0),
            answer: Mutex::new(Answer::Failure),
            gate: Mutex::new(None),
        }
    }
}

impl Origin {
    pub(crate) fn says(&self, id: impl Into<Option<u64>>) {
        *self.0.answer.lock().unwrap() = Answer::Id(id.into());
    }

    pub(crate) fn fails(&self) {
        *self.0.answer.lock().unwrap() = Answer::Failure;
    }

    pub(crate) fn panics(&self) {
        *self.0.answer.lock().unwrap() = Answer::Panic;
    }

    /// Loads that begin from now on wait until they are let go, with the answer of now.
    pub(crate) fn hold(&self) {
        *self.0.gate.lock().unwrap() = Some(Arc::new(Semaphore::new(0)));
    }

    /// Those that wait go on, and none waits any more.
    pub(crate) fn let_go(&self) {
        let gate = self.0.gate.lock().unwrap().take();
        gate.expect("held").add_permits(Semaphore::MAX_PERMITS);
    }

    pub(crate) fn loads(&self) -> u32 {
        self.0.loads.load(Ordering::SeqCst)
    }

    pub(crate) async fn until_loads(&self, loads: u32) {
        until(async || self.loads() >= loads).await;
        assert_eq!(self.loads(), loads);
    }

    pub(crate) async fn run(&self) -> Result<Option<u64>, io::Error> {
        self.0.loads.fetch_add(1, Ordering::SeqCst);
        let answer = *self.0.answer.lock().unwrap();
        let gate = self.0.gate.lock().unwrap().clone();
        if let Some(gate) = gate {
            gate.acquire().await.expect("never closed").forget();
        }
        match answer {
            Answer::Id(id) => Ok(id),
            Answer::Failure => Err(io::Error::other("the database is away")),
            Answer::Panic => panic!("a loader that panics"),
        }
    }

    pub(crate) fn load(&self) -> impl FnOnce() -> Answering + Send + 'static {
        let origin = self.clone();
        move || Box::pin(async move { origin.run().await })
    }
}
