//! One call at the bot's start that never fails: Valkey if it can be had, memory if not.

use std::any::TypeId;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;

use super::families::{Families, FamilyOptions};
use super::{CacheService, env, shared_memory};
use crate::backend::{Backend, InMemoryBackend, ValkeySettings};
use crate::error::{Error, ErrorKind, Result};
use crate::managers::{CaseCache, EachOptions, GuildId, ManagerOptions, Managers};
use crate::time::Ticker;
use crate::typed::{Family, TypedCache};

/// A bot's caches: the service, the one backend that every consumer gets, and the managers on it. The
/// process-wide `shared()` managers work on it too, unless told otherwise
/// ([`leave_shared`](CacheSetupBuilder::leave_shared)).
///
/// ```no_run
/// # async fn start() -> Result<(), tux_cache::Error> {
/// use tux_cache::CacheSetup;
/// let setup = CacheSetup::from_env().await; // never fails; one log line says which backend and why
/// let jailed = setup.managers().jail_status.get(1_u64, 2_u64).await?;
/// # let _ = jailed;
/// let strict = CacheSetup::from_env().require_valkey().await?; // no server is an error
/// # let _ = strict; Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct CacheSetup {
    service: CacheService,
    backend: Backend,
    managers: Managers,
    cases: CaseCache,
    pub(super) families: Arc<Families>,
    /// Why there is no server now.
    problem: Option<Error>,
}

impl CacheSetup {
    /// Reads `$VALKEY_URL`, or without it `$VALKEY_HOST`, `$VALKEY_PORT` (6379), `$VALKEY_DB` (0) and
    /// `$VALKEY_PASSWORD`, as the Python bot does. Await the result for a setup that never fails, or
    /// [`require_valkey`](CacheSetupBuilder::require_valkey) first.
    pub fn from_env() -> CacheSetupBuilder {
        Self::builder()
    }

    /// All settings; the address from the [environment](Self::from_env) unless one is given.
    pub fn builder() -> CacheSetupBuilder {
        CacheSetupBuilder {
            address: ServerSource::Env,
            memory: None,
            with_ticker: None,
            options: EachOptions::default(),
            families: FamilyOptions::default(),
            leave_shared: false,
        }
    }

    /// The backend; everyone gets the same one.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.backend.clone()
    }

    /// The managers on this backend.
    #[must_use]
    pub fn managers(&self) -> &Managers {
        &self.managers
    }

    /// Cases by number, on this backend.
    #[must_use]
    pub fn cases(&self) -> &CaseCache {
        &self.cases
    }

    /// The cache of a [`Family`] of your own, on this backend: one per family and setup, made when it is first asked for.
    /// It moves over to Valkey with the managers, and [`invalidate_guild`](Self::invalidate_guild) reaches it if its keys
    /// begin with a guild's id.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tux_cache::Error> {
    /// # use tux_cache::{CacheSetup, Family, managers::{GuildId, UserId}};
    /// # struct Warnings;
    /// # impl Family for Warnings {
    /// #     type Key<'k> = (GuildId, UserId);
    /// #     type Value = u32;
    /// #     const NAME: &'static str = "warnings";
    /// #     const PREFIX: &'static str = "warn";
    /// # }
    /// let setup = CacheSetup::builder().memory_only().await; // or from_env()
    /// setup.family::<Warnings>().set((GuildId(1), UserId(2)), 3).await?;
    /// assert_eq!(setup.invalidate_guild(GuildId(1)).await?, 1);
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    /// With the text of the error that [`try_family`](Self::try_family) returns.
    #[must_use]
    pub fn family<F: Family>(&self) -> TypedCache<F> {
        match self.try_family() {
            Ok(cache) => cache,
            Err(error) => panic!("{error}"),
        }
    }

    /// [`family`](Self::family), for families that are not known to be sound.
    ///
    /// # Errors
    /// As [`TypedCache::try_with_options`].
    pub fn try_family<F: Family>(&self) -> Result<TypedCache<F>> {
        self.families.family(&self.backend)
    }

    /// The service underneath.
    #[must_use]
    pub fn service(&self) -> &CacheService {
        &self.service
    }

    /// Whether the server is connected now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.service.is_connected()
    }

    /// This setup if the server was reached, else why it was not.
    ///
    /// # Errors
    /// `Config` when no URL or a malformed one was given, else the error of the last attempt.
    pub fn require_valkey(self) -> Result<Self> {
        match self.problem {
            Some(problem) if !self.service.is_connected() => Err(problem),
            _ => Ok(self),
        }
    }

    /// The bot left `guild`: removes everything cached for it, over all managers, its cases too, and over the
    /// [families](Self::family) handed out whose keys begin with a guild, and voids its loads under way. Returns how many
    /// entries went.
    ///
    /// # Errors
    /// When one manager fails the others are still asked; the first error is returned. In Valkey what failed
    /// is retried later by itself.
    pub async fn invalidate_guild(&self, guild: impl Into<GuildId>) -> Result<usize> {
        let guild = guild.into();
        // What is kept beside the store goes with it, of cases too.
        let (managers, families) = tokio::join!(
            self.managers.invalidate_guild(guild),
            self.families.invalidate_guild(guild.0)
        );
        Ok(managers? + families?)
    }

    /// [`CacheService::close`].
    pub async fn close(&self) {
        self.service.close().await;
    }
}

/// Settings of a [`CacheSetup`]; awaiting it makes the setup and never fails.
#[derive(Debug)]
#[must_use = "a setup is made by awaiting it"]
pub struct CacheSetupBuilder {
    address: ServerSource,
    memory: Option<InMemoryBackend>,
    /// The default one with the clock that was asked for.
    with_ticker: Option<InMemoryBackend>,
    options: EachOptions,
    pub(super) families: FamilyOptions,
    leave_shared: bool,
}

#[derive(Debug)]
enum ServerSource {
    Env,
    Settings(Result<Box<ValkeySettings>>),
    Memory,
}

impl CacheSetupBuilder {
    /// This server instead of that of the environment.
    pub fn url(mut self, url: &str) -> Self {
        self.address = ServerSource::Settings(ValkeySettings::from_url(url).map(Box::new));
        self
    }

    /// This server with these settings instead of that of the environment.
    pub fn settings(mut self, settings: ValkeySettings) -> Self {
        self.address = ServerSource::Settings(Ok(Box::new(settings)));
        self
    }

    /// No server, whatever the environment says.
    pub fn memory_only(mut self) -> Self {
        self.address = ServerSource::Memory;
        self
    }

    /// The in-memory backend to use without a server. Default: 300 s, 10,000 entries, and the managers' built-in TTLs
    /// give way to the 300 s.
    #[doc(alias = "fallback")]
    pub fn memory(mut self, memory: InMemoryBackend) -> Self {
        self.memory = Some(memory);
        self
    }

    /// The clock of the in-memory backend; tests inject a [`ManualTicker`](crate::time::ManualTicker). One that is handed
    /// over by [`memory`](Self::memory) keeps its own; a server has its own clock in any case.
    pub fn ticker(mut self, ticker: impl Ticker) -> Self {
        self.with_ticker = Some(shared_memory(|memory| memory.ticker(ticker)));
        self
    }

    /// The settings of all managers and families, those of [`shared()`](Managers::shared) too: a TTL set here is the TTL of
    /// all. One's own ([`jail_status`](Self::jail_status) and so on) come after it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::time::Duration;
    /// use tux_cache::CacheSetup;
    /// use tux_cache::managers::{ManagerOptions, OnOutage};
    /// let all = ManagerOptions::new().on_outage(OnOutage::Fail);
    /// let setup = CacheSetup::builder()
    ///     .memory_only() // or from_env(), url(…)
    ///     .options(all.clone())
    ///     .jail_status(all.ttl(Duration::from_secs(60)))
    ///     .await;
    /// # let _ = setup;
    /// # }
    /// ```
    pub fn options(mut self, options: ManagerOptions) -> Self {
        self.options = EachOptions::all(options.clone());
        self.families.others = options;
        self
    }

    /// The settings of one [family](CacheSetup::family).
    pub fn family_options<F: Family>(mut self, options: ManagerOptions) -> Self {
        self.families.own.insert(TypeId::of::<F>(), options);
        self
    }

    /// The settings of the guild configurations.
    pub fn guild_config(mut self, options: ManagerOptions) -> Self {
        self.options.guild_config = options;
        self
    }

    /// The settings of the jail status.
    pub fn jail_status(mut self, options: ManagerOptions) -> Self {
        self.options.jail_status = options;
        self
    }

    /// The settings of the prefixes.
    pub fn prefix(mut self, options: ManagerOptions) -> Self {
        self.options.prefix = options;
        self
    }

    /// The settings of the permissions.
    pub fn permissions(mut self, options: ManagerOptions) -> Self {
        self.options.permissions = options;
        self
    }

    /// The settings of the cases.
    pub fn cases(mut self, options: ManagerOptions) -> Self {
        self.options.cases = options;
        self
    }

    /// Leaves the process-wide `shared()` managers on the backend they have.
    pub fn leave_shared(mut self) -> Self {
        self.leave_shared = true;
        self
    }

    /// No server is an error.
    pub fn require_valkey(self) -> RequiredSetup {
        RequiredSetup(self)
    }

    async fn make(self) -> CacheSetup {
        let service = CacheService::new();
        if let Some(memory) = self.memory.or(self.with_ticker) {
            service.set_memory(memory);
        }
        let settings = match self.address {
            ServerSource::Settings(settings) => settings.map(|settings| Some(*settings)),
            ServerSource::Memory => Ok(None),
            ServerSource::Env => env::settings(),
        };
        let problem = match settings {
            Ok(Some(settings)) => connect(&service, settings).await,
            Ok(None) => {
                tracing::info!(
                    backend = "memory",
                    "cache backend chosen: no server is configured (neither $VALKEY_URL nor $VALKEY_HOST is set)"
                );
                Some(Error::config(format!(
                    "no cache server is configured: {}",
                    env::HOW
                )))
            }
            Err(error) => {
                tracing::error!(backend = "memory", %error, "cache backend chosen: the server's address cannot be used");
                Some(error)
            }
        };
        let backend = service.backend();
        let options = self.options.sound(&backend);
        if !self.leave_shared {
            Managers::shared().set_each(backend.clone(), options.clone());
            CaseCache::shared().set_backend_with(backend.clone(), options.cases.clone());
        }
        CacheSetup {
            cases: CaseCache::with_options(backend.clone(), options.cases.clone()),
            managers: Managers::with_each(backend.clone(), options),
            families: Arc::new(Families::new(self.families)),
            backend,
            service,
            problem,
        }
    }
}

/// Connects, or leaves the service in memory until the server is reached. Logs what it came to.
async fn connect(service: &CacheService, settings: ValkeySettings) -> Option<Error> {
    let server = settings.to_string();
    let error = match service.open(settings.clone()).await {
        Ok(()) => {
            tracing::info!(backend = "valkey", %server, "cache backend chosen: the server answers");
            return None;
        }
        Err(error) => error,
    };
    // Settings that cannot work now cannot work later; everything else may.
    if error.kind() == ErrorKind::Config {
        tracing::error!(backend = "memory", %server, %error, "cache backend chosen: the server's settings cannot work");
        return Some(error);
    }
    match service.open_later(settings) {
        Ok(()) => {
            tracing::error!(
                backend = "memory",
                %server,
                %error,
                "cache backend chosen: the server is configured but not reached; every cache moves over as soon as it is"
            );
        }
        Err(error) => {
            tracing::error!(backend = "memory", %server, %error, "cache backend chosen: the server's settings cannot work");
        }
    }
    Some(error)
}

impl IntoFuture for CacheSetupBuilder {
    type Output = CacheSetup;
    type IntoFuture = Pin<Box<dyn Future<Output = CacheSetup> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.make())
    }
}

/// A setup that fails without a server.
#[derive(Debug)]
#[must_use = "a setup is made by awaiting it"]
pub struct RequiredSetup(CacheSetupBuilder);

impl IntoFuture for RequiredSetup {
    type Output = Result<CacheSetup>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<CacheSetup>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let setup = self.0.make().await;
            match &setup.problem {
                Some(problem) => {
                    let problem = problem.clone();
                    setup.close().await;
                    Err(problem)
                }
                None => Ok(setup),
            }
        })
    }
}
