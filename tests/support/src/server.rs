//! One `valkey-server` process that lives as long as its handle.

use std::fmt;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::admin::{Admin, Reply};
use crate::builder::ValkeyServerBuilder;
use crate::find::ValkeyNotFound;

/// A user that may do everything, so that the harness works whatever a test does to the default user.
const ADMIN_USER: &str = "tux-harness";
const START_DEADLINE: Duration = Duration::from_secs(10);
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

/// A private `valkey-server`, killed when the handle is dropped and also when the test process dies.
///
/// Its methods block for some milliseconds; in an async test call them outside timing-sensitive parts.
#[derive(Debug)]
pub struct ValkeyServer {
    options: ValkeyServerBuilder,
    dir: TempDir,
    port: Option<u16>,
    admin_password: String,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    server: Child,
    /// Kills the server when its standard input closes: when this process ends, however it ends.
    watchdog: Child,
}

/// Why no server came up.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// There is no binary.
    NotFound(ValkeyNotFound),
    /// The process could not be started or watched.
    Io(io::Error),
    /// It ended, or did not answer in time; the end of its log.
    Failed(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::NotFound(error) => error.fmt(f),
            StartError::Io(error) => write!(f, "valkey-server could not be run: {error}"),
            StartError::Failed(log) => {
                write!(f, "valkey-server did not start; its log ends:\n{log}")
            }
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StartError::NotFound(error) => Some(error),
            StartError::Io(error) => Some(error),
            StartError::Failed(_) => None,
        }
    }
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        StartError::Io(error)
    }
}

impl ValkeyServer {
    /// Options for a server.
    pub fn builder() -> ValkeyServerBuilder {
        ValkeyServerBuilder::default()
    }

    /// Starts a server with the defaults.
    ///
    /// # Errors
    /// As [`ValkeyServerBuilder::start`].
    pub fn start() -> Result<Self, StartError> {
        Self::builder().start()
    }

    pub(crate) fn start_with(options: ValkeyServerBuilder) -> Result<Self, StartError> {
        let dir = tempfile::Builder::new().prefix("tux-valkey-").tempdir()?;
        let admin_password = format!("{:016x}", random());
        let mut server = Self {
            options,
            dir,
            port: None,
            admin_password,
            running: Mutex::new(None),
        };
        // Another process may take a free port between our look and the server's bind: try a few.
        for attempt in 1.. {
            server.port = match (server.options.unix_only, server.options.port) {
                (true, _) => None,
                (false, Some(port)) => Some(port),
                (false, None) => Some(free_port()?),
            };
            match server.launch() {
                Err(StartError::Failed(log))
                    if server.options.port.is_none()
                        && attempt < 5
                        && log.contains("Address already in use") => {}
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
        Ok(server)
    }

    /// The URL of the server: `valkey://`, `valkeys://` or `unix://`, with the password if there is one.
    pub fn url(&self) -> String {
        let password = self.options.password.as_deref().map(percent_encode);
        let Some(port) = self.port else {
            let query = password.map_or_else(String::new, |p| format!("?pass={p}"));
            return format!("unix://{}{query}", self.socket().display());
        };
        let scheme = if self.options.tls.is_some() {
            "valkeys"
        } else {
            "valkey"
        };
        let user = password.map_or_else(String::new, |p| format!(":{p}@"));
        format!("{scheme}://{user}127.0.0.1:{port}/0")
    }

    /// The TCP (or TLS) port on 127.0.0.1; `None` for a server on a unix socket only.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The TCP address.
    ///
    /// # Panics
    /// When the server listens on a unix socket only.
    pub fn addr(&self) -> SocketAddr {
        let port = self
            .port
            .expect("this server listens on a unix socket only");
        SocketAddr::from((Ipv4Addr::LOCALHOST, port))
    }

    /// The unix socket; every server has one, also those with a port.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("s")
    }

    /// The password of the default user, if one was asked for.
    pub fn password(&self) -> Option<&str> {
        self.options.password.as_deref()
    }

    /// The process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.running().as_ref().map(|running| running.server.id())
    }

    /// Resident memory of the process in bytes; `None` while it is not running.
    pub fn rss_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()?)).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace()
            .next()?
            .parse::<u64>()
            .ok()
            .map(|kib| kib * 1024)
    }

    /// What the server has logged since its last start.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Runs one command as a user that may do everything, over the unix socket.
    ///
    /// # Errors
    /// When the server is down, or does not answer within ten seconds. An error *reply* is `Ok(Reply::Error(_))`.
    pub fn command<A: AsRef<[u8]>>(&self, args: &[A]) -> io::Result<Reply> {
        self.admin(COMMAND_TIMEOUT)?.call(args)
    }

    /// Kills the process with SIGKILL and waits until it is gone. Does nothing when it is not running.
    pub fn kill9(&self) {
        let mut running = self.running();
        if let Some(running) = running.take() {
            running.end();
        }
    }

    /// Starts the server again on the same port with the same data folder (killing it first if it still
    /// runs) and waits until it answers.
    ///
    /// # Errors
    /// As [`ValkeyServerBuilder::start`].
    pub fn restart(&self) -> Result<(), StartError> {
        self.kill9();
        self.launch()
    }

    /// Starts the server again as [`restart`](Self::restart), but returns at once: it may still be loading.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn restart_without_waiting(&self) -> Result<(), StartError> {
        self.kill9();
        self.spawn()
    }

    /// Stops the process with SIGSTOP: its connections stay open and nothing answers.
    ///
    /// # Panics
    /// When it is not running.
    pub fn sigstop(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets a stopped process go on (SIGCONT).
    ///
    /// # Panics
    /// When it is not running.
    pub fn sigcont(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = self.pid().expect("the server is not running");
        let pid = i32::try_from(pid)
            .ok()
            .and_then(Pid::from_raw)
            .expect("a process id");
        kill_process(pid, signal).expect("signalling our own child");
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log_file(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    fn admin(&self, timeout: Duration) -> io::Result<Admin> {
        Admin::connect(&self.socket(), ADMIN_USER, &self.admin_password, timeout)
    }

    fn launch(&self) -> Result<(), StartError> {
        self.spawn()?;
        self.wait_until_ready()
    }

    fn spawn(&self) -> Result<(), StartError> {
        let admin = (ADMIN_USER, self.admin_password.as_str());
        let config = self.options.config_file(
            self.dir.path(),
            &self.socket(),
            self.port.unwrap_or(0),
            admin,
        );
        let config_path = self.dir.path().join("valkey.conf");
        std::fs::write(&config_path, config)?;
        let log = File::create(self.log_file())?;
        let binary = self
            .options
            .binary
            .as_deref()
            .unwrap_or(Path::new("valkey-server"));
        let mut server = Command::new(binary)
            .arg(&config_path)
            .args(&self.options.arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        match watchdog(server.id()) {
            Ok(watchdog) => *self.running() = Some(Running { server, watchdog }),
            Err(error) => {
                let _ = server.kill();
                let _ = server.wait();
                return Err(error.into());
            }
        }
        Ok(())
    }

    fn wait_until_ready(&self) -> Result<(), StartError> {
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            let pong = self
                .admin(Duration::from_secs(1))
                .and_then(|mut a| a.call(&["PING"]));
            if matches!(&pong, Ok(Reply::Status(text)) if text == "PONG") {
                return Ok(());
            }
            let ended = match self.running().as_mut() {
                Some(running) => running.server.try_wait()?.is_some(),
                None => true,
            };
            if ended || Instant::now() > deadline {
                self.kill9();
                let log = self.log();
                let lines: Vec<&str> = log.lines().collect();
                let tail = lines[lines.len().saturating_sub(12)..].join("\n");
                return Err(StartError::Failed(tail));
            }
            std::thread::sleep(Duration::from_millis(3));
        }
    }
}

impl Drop for ValkeyServer {
    fn drop(&mut self) {
        self.kill9();
    }
}

impl Running {
    /// The watchdog goes first: it must never signal a process id that was given to someone else.
    fn end(mut self) {
        for child in [&mut self.watchdog, &mut self.server] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn watchdog(pid: u32) -> io::Result<Child> {
    Command::new("sh")
        .args([
            "-c",
            "trap '' INT TERM HUP; cat >/dev/null; kill -9 \"$1\"",
            "watchdog",
        ])
        .arg(pid.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

/// A port nobody listens on, outside the range from which the system hands out ports for outgoing
/// connections: a server that is down must find its port free again when it restarts.
fn free_port() -> io::Result<u16> {
    for _ in 0..1_000 {
        let port = 10_000 + (random() % 22_000) as u16;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(io::Error::new(
        io::ErrorKind::AddrInUse,
        "no free port between 10000 and 32000",
    ))
}

/// Sixty-four unpredictable bits: a fresh hasher's keys come from the system.
fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

fn percent_encode(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|b| {
            if keep(b) {
                (b as char).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}
