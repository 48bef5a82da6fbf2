//! The one connection for everybody: whether there is one, and sending on it.
//!
//! While none is published the circuit is open: requests fail at once with `Unavailable`. Nothing is ever sent twice;
//! only the [retry queue](super::retry) repeats requests, and those are removals. Making the connection and watching it
//! is the business of the [supervisor](super::supervisor), which stands above; here it is only called.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, RedisError, RedisResult, Value};
use tokio::sync::Notify;

use super::connect::Driver;
use super::error::{self, translate};
use super::peer::Peer;
use super::settings::ValkeySettings;
use crate::backend::runtime::with_timer;
use crate::backend::stats::{BackendCounters, add};
use crate::error::{Error, ErrorKind, Result};
use crate::sync::{count_forks, process_number};

/// The connection to one server, or the reason why there is none.
pub(super) struct ValkeyLink {
    pub(super) settings: ValkeySettings,
    state: RwLock<LinkState>,
    closed: AtomicBool,
    /// The link was given up because the server takes no writes any more: the next one shall.
    wants_primary: AtomicBool,
    /// The process that connected: a child of `fork` has neither its tasks nor its supervisor.
    process: u32,
    /// Makes sure that a supervisor runs, or does nothing where none can.
    call_supervisor: Box<dyn Fn() + Send + Sync>,
    /// A link went down, a request timed out, an invalidation waits, or the service closes.
    wake: Notify,
    /// Run once, when a link is first published.
    on_first_up: std::sync::Mutex<Vec<Box<dyn FnOnce() + Send>>>,
    /// The published link changed.
    changed: tokio::sync::watch::Sender<bool>,
    pub(super) counters: BackendCounters,
}

#[derive(Default)]
struct LinkState {
    up: Option<Linked>,
    /// Why it is down.
    why: Option<Error>,
    /// There has been a link before.
    before: bool,
    /// Connections that ended here and may still be open at the server. One at a time: each new link
    /// buries the one before.
    given_up: Vec<Arc<Peer>>,
}

/// A connection and its number: whoever reports a fault names the connection it saw. Cloned for every request.
#[derive(Clone)]
pub(super) struct Live {
    pub(super) id: u64,
    pub(super) connection: MultiplexedConnection,
    /// Kept alive as long as somebody uses the connection.
    pub(super) _driver: Arc<Driver>,
}

/// A connection with what only its end asks for.
pub(super) struct Linked {
    pub(super) live: Live,
    /// The connection's task has seen the end of it.
    pub(super) dead: Arc<AtomicBool>,
    /// Ourselves as the server sees us, if it says so.
    pub(super) peer: Option<Arc<Peer>>,
}

impl ValkeyLink {
    /// Connects nowhere. `call_supervisor`: makes sure that a supervisor runs; called whenever one is needed.
    pub(super) fn new(
        settings: ValkeySettings,
        call_supervisor: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        count_forks();
        Self {
            settings,
            state: RwLock::default(),
            closed: AtomicBool::new(false),
            wants_primary: AtomicBool::new(false),
            process: process_number(),
            call_supervisor: Box::new(call_supervisor),
            wake: Notify::new(),
            on_first_up: std::sync::Mutex::default(),
            changed: tokio::sync::watch::Sender::new(false),
            counters: BackendCounters::default(),
        }
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, LinkState> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, LinkState> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Made before a `fork` that made this process. Its locks may be held for ever.
    pub(super) fn is_foreign(&self) -> bool {
        self.process != process_number()
    }

    pub(super) fn is_up(&self) -> bool {
        !self.is_foreign() && self.read().up.is_some()
    }

    pub(super) fn has_been_up(&self) -> bool {
        self.read().before
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// The connection, or at once the reason why there is none.
    pub(super) fn live(&self) -> Result<Live> {
        if self.is_foreign() {
            return Err(Error::unavailable(format!(
                "{} was connected before this process was forked; connect again",
                self.settings
            )));
        }
        with_timer()?;
        let link = self.read();
        if let Some(linked) = &link.up {
            return Ok(linked.live.clone());
        }
        add(&self.counters.refused);
        if self.is_closed() {
            self.counters.errors.add(ErrorKind::Closed);
            return Err(self.closed_error());
        }
        self.counters.errors.add(ErrorKind::Unavailable);
        (self.call_supervisor)();
        Err(match &link.why {
            Some(why) => Error::unavailable(format!(
                "{} is not connected; last error: {}",
                self.settings,
                why.message()
            ))
            .with_source(why.clone()),
            None => Error::unavailable(format!("{} is not connected yet", self.settings)),
        })
    }

    /// [`live`](Self::live) for a request that writes: that a server is there which takes no writes is told.
    pub(super) fn live_to_write(&self) -> Result<Live> {
        if self.is_foreign() {
            return self.live();
        }
        self.live().map_err(|error| match &self.read().why {
            Some(why) if why.kind() == ErrorKind::ReadOnly && !self.is_closed() => {
                Error::new(ErrorKind::ReadOnly, error.message().to_owned()).with_source(why.clone())
            }
            _ => error,
        })
    }

    pub(super) fn wants_primary(&self) -> bool {
        self.wants_primary.load(Ordering::SeqCst)
    }

    pub(super) fn closed_error(&self) -> Error {
        Error::new(ErrorKind::Closed, format!("{} was closed", self.settings))
    }

    /// Whether the link with this number is the one that is published.
    pub(super) fn is_current(&self, id: u64) -> bool {
        self.read().up.as_ref().is_some_and(|up| up.live.id == id)
    }

    /// Sends one command and waits for its reply, once.
    pub(super) async fn send(&self, live: &mut Live, cmd: &Cmd) -> Result<Value> {
        let sent = live.connection.send_packed_command(cmd);
        match self.round_trip(Some(cmd), 1, sent).await {
            Ok(reply) => reply
                .extract_error()
                .map_err(|error| self.answered(live.id, error)),
            Err(error) => Err(self.failed(live.id, error)),
        }
    }

    /// [`send`](Self::send) of a script by its hash; `None` if the server does not know it.
    pub(super) async fn send_script(&self, live: &mut Live, cmd: &Cmd) -> Result<Option<Value>> {
        let sent = live.connection.send_packed_command(cmd);
        match self.round_trip(Some(cmd), 1, sent).await {
            Ok(reply) => match reply.extract_error() {
                Ok(reply) => Ok(Some(reply)),
                Err(error) if error.code() == Some("NOSCRIPT") => Ok(None),
                Err(error) => Err(self.answered(live.id, error)),
            },
            Err(error) => Err(self.failed(live.id, error)),
        }
    }

    /// Sends several commands in one write. Errors of single commands stay in their places.
    pub(super) async fn send_many(
        &self,
        live: &mut Live,
        pipeline: &Pipeline,
    ) -> Result<Vec<Result<Value>>> {
        let replies = self.send_each(live, pipeline).await?.into_iter();
        Ok(replies
            .map(|reply| reply.map_err(|error| self.answered(live.id, error)))
            .collect())
    }

    /// [`send_many`](Self::send_many) with the transport's own errors, to be
    /// [`answered`](Self::answered).
    pub(super) async fn send_each(
        &self,
        live: &mut Live,
        pipeline: &Pipeline,
    ) -> Result<Vec<RedisResult<Value>>> {
        let count = pipeline.len();
        let sent = live.connection.send_packed_commands(pipeline, 0, count);
        match self
            .round_trip(pipeline.cmd_iter().next(), count, sent)
            .await
        {
            Ok(replies) if replies.len() == count => {
                Ok(replies.into_iter().map(Value::extract_error).collect())
            }
            Ok(replies) => Err(Error::new(
                ErrorKind::Protocol,
                format!("{} replies came for {count} commands", replies.len()),
            )),
            Err(error) => Err(self.failed(live.id, error)),
        }
    }

    /// Our error for one that the server answered. One that only another server can mend ends the link: the
    /// name may stand for that one by now.
    pub(super) fn answered(&self, id: u64, error: RedisError) -> Error {
        let moved = error::has_moved(&error);
        let ours = translate(&self.settings, error);
        self.counters.errors.add(ours.kind());
        if moved && self.is_current(id) {
            self.wants_primary.store(true, Ordering::SeqCst);
            self.down(id, ours.clone());
        }
        ours
    }

    /// [`send`](Self::send) on whatever link there is.
    pub(super) async fn request(&self, cmd: &Cmd) -> Result<Value> {
        let mut live = self.live()?;
        self.send(&mut live, cmd).await
    }

    fn failed(&self, id: u64, error: RedisError) -> Error {
        let dead = error.is_unrecoverable_error();
        let ours = translate(&self.settings, error);
        self.counters.errors.add(ours.kind());
        if ours.kind() == ErrorKind::Timeout {
            add(&self.counters.timeouts);
            // The supervisor finds out with a PING whether the server is slow or gone.
            self.wake.notify_one();
        } else if dead {
            self.down(id, ours.clone());
        }
        ours
    }

    /// Takes the link with this number down.
    pub(super) fn down(&self, id: u64, why: Error) {
        let mut link = self.write();
        if link.up.as_ref().is_none_or(|up| up.live.id != id) {
            return;
        }
        let old = link.up.take();
        link.given_up
            .extend(old.as_ref().and_then(|old| old.peer.clone()));
        tracing::warn!(server = %self.settings, error = %why, "the cache server is away; reconnecting");
        link.why = Some(why);
        drop(link);
        // Dropped outside the lock: it ends the connection's task.
        drop(old);
        self.changed.send_replace(false);
        self.wake.notify_one();
    }

    pub(super) fn up(&self, linked: Linked) {
        let (id, dead) = (linked.live.id, Arc::clone(&linked.dead));
        let mut link = self.write();
        if self.is_closed() {
            return;
        }
        if std::mem::replace(&mut link.before, true) {
            add(&self.counters.reconnects);
        }
        link.up = Some(linked);
        link.why = None;
        self.wants_primary.store(false, Ordering::SeqCst);
        drop(link);
        self.run_first_up();
        self.changed.send_replace(true);
        // It may have ended before it was published: then nobody has taken it down.
        if dead.load(Ordering::SeqCst) {
            self.down(id, self.gone());
        }
    }

    /// Runs `work` as soon as a link has been published: now, or when the first one is.
    pub(super) fn on_first_up(&self, work: impl FnOnce() + Send + 'static) {
        let before = {
            let mut waiting = self
                .on_first_up
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            waiting.push(Box::new(work));
            // After the push: a link published meanwhile is seen here, or its publisher sees the work.
            self.read().before
        };
        if before {
            self.run_first_up();
        }
    }

    fn run_first_up(&self) {
        let work = std::mem::take(
            &mut *self
                .on_first_up
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        for work in work {
            work();
        }
    }

    pub(super) fn gone(&self) -> Error {
        Error::unavailable(format!("{} closed the connection", self.settings))
    }

    pub(super) fn take_given_up(&self) -> Vec<Arc<Peer>> {
        std::mem::take(&mut self.write().given_up)
    }

    /// Notes why there is no link.
    pub(super) fn note(&self, why: Error) {
        self.write().why = Some(why);
    }

    /// Something waits for the supervisor.
    pub(super) fn call(&self) {
        (self.call_supervisor)();
        self.wake.notify_one();
    }

    /// Resolves when the supervisor is called.
    pub(super) async fn called(&self) {
        self.wake.notified().await;
    }

    /// Resolves when a link is published, or the service closed.
    pub(super) async fn until_up(&self) {
        let mut changed = self.changed.subscribe();
        // The sender lives in `self`: this cannot fail.
        let _ = changed.wait_for(|up| *up || self.is_closed()).await;
    }

    /// No more requests; the supervisor ends by itself.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        if self.is_foreign() {
            return;
        }
        let linked = self.write().up.take();
        self.changed.send_replace(false);
        self.wake.notify_one();
        // Dropped outside the lock: it ends the connection's task.
        drop(linked);
    }
}
