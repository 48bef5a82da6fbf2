//! The task that keeps the link alive: connect, publish, watch, carry out what waits.
//!
//! Attempts to connect overlap, so that one that hangs does not hide the server's return.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use backon::BackoffBuilder;
use redis::aio::{AsyncPushSender, SendError};
use redis::{AsyncConnectionConfig, PushInfo, PushKind, Value};
use tokio::task::JoinSet;

use super::connect::Progress;
use super::core::{Core, Linked, Live};
use super::error::translate;
use super::peer::Peer;
use crate::error::{Error, ErrorKind, Result, RetryClass};

/// The longest pause between two attempts to connect: with it the first success comes within a second
/// of the server's return.
const MAX_PAUSE: Duration = Duration::from_millis(400);
/// After a refused password there is no hurry.
const AUTH_PAUSE: Duration = Duration::from_secs(5);
/// Attempts under way at once.
const MAX_ATTEMPTS: usize = 3;
/// How soon waiting invalidations are tried again on a connection that works.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

impl Core {
    /// One attempt: connect, authenticate, choose the database, PING. Not yet published. A server that still
    /// loads its data is asked again and again on the same connection if the attempt is `patient`.
    async fn attempt(self: Arc<Self>, patient: bool) -> Result<Linked> {
        let mut linked = self.open().await?;
        let mut pauses = Self::pauses();
        loop {
            match self.ask_after(&mut linked).await {
                Ok(None) => return Ok(linked),
                Ok(Some(loading)) if patient && !self.is_closed() => {
                    self.note(loading);
                    tokio::time::sleep(pauses.next().unwrap_or(MAX_PAUSE)).await;
                }
                Ok(Some(error)) | Err(error) => return Err(error),
            }
        }
    }

    /// Up to the greeting. A replica will not do while a server is wanted that takes writes.
    async fn open(self: &Arc<Self>) -> Result<Linked> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let dead = Arc::new(AtomicBool::new(false));
        let config = AsyncConnectionConfig::new()
            .set_response_timeout(Some(self.settings.response_timeout))
            .set_push_sender(Hook {
                core: Arc::downgrade(self),
                id,
                dead: Arc::clone(&dead),
            });
        let progress = Progress::default();
        let connecting = self.connector.connect(&self.settings, config, &progress);
        let connected = tokio::time::timeout(self.settings.connect_timeout, connecting)
            .await
            .unwrap_or_else(|_| Err(progress.too_slow(&self.settings)))?;
        if connected.greeting.is_replica() {
            let shown = &self.settings;
            if self.wants_primary() {
                return Err(Error::new(
                    ErrorKind::ReadOnly,
                    format!(
                        "{shown} is a replica and takes no writes; waiting for a server that does"
                    ),
                ));
            }
            tracing::warn!(server = %shown, "the cache server is a replica: writes will be refused");
        }
        Ok(Linked {
            live: Live {
                id,
                connection: connected.connection,
                _driver: connected.driver,
            },
            dead,
            peer: None,
        })
    }

    /// PING must be answered; who we are is worth knowing, but rules may forbid the question. An error in `Ok`: the
    /// server still reads its data in.
    async fn ask_after(&self, linked: &mut Linked) -> Result<Option<Error>> {
        let mut questions = redis::pipe();
        questions.cmd("PING").cmd("CLIENT").arg("INFO");
        let asked = linked
            .live
            .connection
            .send_packed_commands(&questions, 0, 2);
        let mut replies = match tokio::time::timeout(self.settings.connect_timeout, asked).await {
            Ok(Ok(replies)) => replies.into_iter(),
            Ok(Err(error)) => return Err(translate(&self.settings, error)),
            Err(_) => return Err(Progress::answered().too_slow(&self.settings)),
        };
        if let Some(Err(error)) = replies.next().map(Value::extract_error) {
            let loading = error.code() == Some("LOADING");
            let ours = translate(&self.settings, error);
            return if loading { Ok(Some(ours)) } else { Err(ours) };
        }
        linked.peer = replies.next().and_then(Peer::read).map(Arc::new);
        Ok(None)
    }

    fn pauses() -> impl Iterator<Item = Duration> {
        backon::ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(25))
            .with_max_delay(MAX_PAUSE / 2)
            // Jitter adds up to the delay once more: never above MAX_PAUSE.
            .with_jitter()
            .without_max_times()
            .build()
    }

    /// Pauses of the first connection, whose attempts are few: the first three last a second.
    fn first_pauses() -> impl Iterator<Item = Duration> {
        backon::ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(250))
            .with_factor(1.4)
            .with_max_delay(MAX_PAUSE)
            .without_max_times()
            .build()
    }

    /// The first connection: a bounded number of attempts, an error that waiting cannot mend at once.
    pub(super) async fn connect_first(self: &Arc<Self>) -> Result<()> {
        let mut pauses = Self::first_pauses();
        let mut attempt = 1;
        loop {
            match Arc::clone(self).attempt(false).await {
                Ok(linked) => {
                    self.up(linked);
                    return Ok(());
                }
                Err(error)
                    if attempt >= self.settings.connect_attempts
                        || error.retry_class() == RetryClass::Never =>
                {
                    return Err(error);
                }
                Err(error) => {
                    tracing::debug!(server = %self.settings, attempt, %error, "could not connect");
                }
            }
            attempt += 1;
            tokio::time::sleep(pauses.next().unwrap_or(MAX_PAUSE)).await;
        }
    }

    /// Attempts until one succeeds or the service is closed (`None`).
    async fn reconnect(self: &Arc<Self>) -> Option<Linked> {
        let mut pauses = Self::pauses();
        let mut attempts = JoinSet::new();
        loop {
            if self.is_closed() {
                return None;
            }
            if attempts.len() < MAX_ATTEMPTS {
                attempts.spawn(Arc::clone(self).attempt(true));
            }
            let mut pause = pauses.next().unwrap_or(MAX_PAUSE);
            let until = tokio::time::Instant::now() + MAX_PAUSE;
            // A hanging attempt gets company after a while; a failed one a successor after the pause.
            match tokio::time::timeout_at(until, attempts.join_next()).await {
                Ok(Some(Ok(Ok(linked)))) => return Some(linked),
                Ok(Some(Ok(Err(error)))) => {
                    if error.kind() == ErrorKind::Auth {
                        pause = AUTH_PAUSE;
                    }
                    self.note(error);
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = self.until_closed() => return None,
                    }
                }
                Ok(_) | Err(_) => {}
            }
        }
    }

    async fn until_closed(&self) {
        while !self.is_closed() {
            self.wake.notified().await;
        }
    }

    /// The supervisor: runs until the service is closed or its last handle is dropped.
    async fn supervise(self: &Arc<Self>) {
        while !self.is_closed() {
            if !self.is_up() {
                let Some(mut linked) = self.reconnect().await else {
                    return;
                };
                self.bury(&mut linked.live).await;
                let mut live = linked.live.clone();
                self.up(linked);
                tracing::info!(server = %self.settings, "connected to the cache server");
                // Until what was invalidated meanwhile is gone, nobody here reads it (R1).
                self.drain(&mut live).await;
                continue;
            }
            let pause = match self.queue.len() {
                0 => self.settings.ping_interval,
                _ => RETRY_PAUSE.min(self.settings.ping_interval),
            };
            tokio::select! {
                () = self.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
            let Ok(mut live) = self.live() else {
                continue;
            };
            if let Err(error) = self.send(&mut live, &redis::cmd("PING")).await {
                // A server that answers, if only with an error (LOADING, BUSY), is there.
                if error.kind() == ErrorKind::Timeout {
                    self.down(live.id, error);
                }
                continue;
            }
            self.drain(&mut live).await;
        }
    }

    /// Has the server close the connections that we have given up. Requests of theirs that timed out may
    /// still be on their way, and a late SET would bring back what has been invalidated since. A server
    /// that does not allow it leaves that to the TTL.
    async fn bury(&self, live: &mut Live) {
        for peer in self.take_given_up() {
            if let Err(error) = self.send(live, &peer.kill_command()).await {
                tracing::debug!(server = %self.settings, %error, "an old connection could not be closed at the server");
            }
        }
    }
}

/// Lowers the flag when the supervisor ends, for whatever reason.
pub(super) struct Supervision(pub(super) Arc<Core>);

impl Supervision {
    pub(super) async fn run(self) {
        self.0.supervise().await;
    }
}

impl Drop for Supervision {
    fn drop(&mut self) {
        self.0.supervised.store(false, Ordering::SeqCst);
    }
}

/// Hears from the connection's task that the connection is gone.
struct Hook {
    core: Weak<Core>,
    id: u64,
    dead: Arc<AtomicBool>,
}

impl AsyncPushSender for Hook {
    fn send(&self, info: PushInfo) -> std::result::Result<(), SendError> {
        if info.kind == PushKind::Disconnection {
            self.dead.store(true, Ordering::SeqCst);
            if let Some(core) = self.core.upgrade() {
                core.down(self.id, core.gone());
            }
        }
        Ok(())
    }
}
