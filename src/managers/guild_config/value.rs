//! A guild's configuration, whole or in part, and changes to it.

use std::sync::Arc;

use crate::backend::value::vtable::one_vtable;
use crate::backend::{CacheValue, Json, JsonObject, Value};
use crate::managers::{ChannelId, RoleId};

/// The four fields that are understood, in the order of the wire.
const NAMES: [&str; 4] = [
    "audit_log_id",
    "mod_log_id",
    "jail_role_id",
    "jail_channel_id",
];

/// Fields of the stored object. A whole word, so that a configuration has no padding to copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MissingFields(u64);

impl MissingFields {
    /// None is missing.
    #[inline]
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names of those that are missing.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        (0..NAMES.len())
            .filter(move |at| self.has(*at))
            .map(|at| NAMES[at])
    }

    fn has(self, at: usize) -> bool {
        self.0 & (1 << at) != 0
    }

    fn set(&mut self, at: usize, missing: bool) {
        self.0 = (self.0 & !(1 << at)) | (u64::from(missing) << at);
    }
}

/// Fields of the stored object that this library does not know. They survive a partial update.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtraFields(Option<Arc<JsonObject>>);

impl ExtraFields {
    /// One of them.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.0.as_ref()?.get(name)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

/// A guild's configuration as far as it is cached.
///
/// A field is an id, known to be unset (`None`), or [`missing`](Self::missing): nobody has written it to the
/// cache yet. A loader returns all of it:
/// `GuildConfig { audit_log_id: Some(1), ..Default::default() }`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuildConfig {
    /// The channel of the audit log.
    pub audit_log_id: Option<u64>,
    /// The channel of the moderation log.
    pub mod_log_id: Option<u64>,
    /// The role of jailed users.
    pub jail_role_id: Option<u64>,
    /// The channel of jailed users.
    pub jail_channel_id: Option<u64>,
    /// Which of the fields above the cache knows nothing about; they read as `None`.
    pub missing: MissingFields,
    /// Further fields as they are stored.
    pub unknown: ExtraFields,
}

impl GuildConfig {
    /// Whether every field is known, set or not.
    #[inline]
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    fn none() -> Self {
        let mut config = Self::default();
        for at in 0..NAMES.len() {
            config.missing.set(at, true);
        }
        config
    }

    fn field(&mut self, at: usize) -> &mut Option<u64> {
        match at {
            0 => &mut self.audit_log_id,
            1 => &mut self.mod_log_id,
            2 => &mut self.jail_role_id,
            _ => &mut self.jail_channel_id,
        }
    }

    fn fields(&self) -> [Option<u64>; 4] {
        [
            self.audit_log_id,
            self.mod_log_id,
            self.jail_role_id,
            self.jail_channel_id,
        ]
    }

    /// Reads an object; says whether every field that is known had a right shape. One that had not is
    /// missing. `None` for anything but an object.
    fn read(json: &Json) -> Option<(Self, bool)> {
        let object = json.as_object()?;
        let mut config = Self::none();
        let mut right = true;
        let mut unknown = JsonObject::new();
        for (name, value) in object.iter() {
            let Some(at) = NAMES.iter().position(|known| *known == name) else {
                unknown.insert(name, value.clone());
                continue;
            };
            match (value, value.as_u64()) {
                (Json::Null, _) => config.missing.set(at, false),
                (_, Some(id)) => {
                    *config.field(at) = Some(id);
                    config.missing.set(at, false);
                }
                // A text, a list, a number that is no id.
                _ => right = false,
            }
        }
        if !unknown.is_empty() {
            config.unknown = ExtraFields(Some(Arc::new(unknown)));
        }
        Some((config, right))
    }
}

impl CacheValue for GuildConfig {
    fn to_json(&self) -> Json {
        let mut object = JsonObject::new();
        for (at, value) in self.fields().into_iter().enumerate() {
            if !self.missing.has(at) {
                object.insert(NAMES[at], value);
            }
        }
        if let Some(unknown) = &self.unknown.0 {
            for (name, value) in unknown.iter() {
                object.insert(name, value.clone());
            }
        }
        Json::Object(object)
    }

    fn from_json(json: &Json) -> Option<Self> {
        match Self::read(json) {
            Some((config, true)) => Some(config),
            _ => None,
        }
    }

    fn exceeds(&self, limit: usize) -> bool {
        !self.unknown.is_empty() && self.to_json().exceeds(limit)
    }

    one_vtable!(GuildConfig);
}

/// A change to a guild's configuration: each field is left alone, unset, or set.
///
/// ```
/// use tux_cache::managers::GuildConfigUpdate;
/// # let channel = tux_cache::managers::ChannelId(2);
/// let update = GuildConfigUpdate::new()
///     .audit_log_id(Some(1)) // set
///     .mod_log(channel)      // set, by an id of your bot's library
///     .jail_role_id(None);   // known to be unset; the fourth is left as it is
/// # let _ = update;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct GuildConfigUpdate([Option<Option<u64>>; 4]);

impl GuildConfigUpdate {
    /// Changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The channel of the audit log; `None` unsets it.
    pub fn audit_log_id(mut self, id: Option<u64>) -> Self {
        self.0[0] = Some(id);
        self
    }

    /// The channel of the audit log, by any id.
    pub fn audit_log(self, channel: impl Into<ChannelId>) -> Self {
        self.audit_log_id(Some(channel.into().0))
    }

    /// The channel of the moderation log; `None` unsets it.
    pub fn mod_log_id(mut self, id: Option<u64>) -> Self {
        self.0[1] = Some(id);
        self
    }

    /// The channel of the moderation log, by any id.
    pub fn mod_log(self, channel: impl Into<ChannelId>) -> Self {
        self.mod_log_id(Some(channel.into().0))
    }

    /// The role of jailed users; `None` unsets it.
    pub fn jail_role_id(mut self, id: Option<u64>) -> Self {
        self.0[2] = Some(id);
        self
    }

    /// The role of jailed users, by any id.
    pub fn jail_role(self, role: impl Into<RoleId>) -> Self {
        self.jail_role_id(Some(role.into().0))
    }

    /// The channel of jailed users; `None` unsets it.
    pub fn jail_channel_id(mut self, id: Option<u64>) -> Self {
        self.0[3] = Some(id);
        self
    }

    /// The channel of jailed users, by any id.
    pub fn jail_channel(self, channel: impl Into<ChannelId>) -> Self {
        self.jail_channel_id(Some(channel.into().0))
    }

    /// Whether it leaves everything as it is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// What stands there with this change; says whether what stood there had a right shape.
    pub(super) fn merge(&self, before: Option<&Value>) -> (GuildConfig, bool) {
        let read = before.map(|before| GuildConfig::read(&before.to_json()));
        let (mut config, right) = match read {
            None => (GuildConfig::none(), true),
            Some(None) => (GuildConfig::none(), false),
            Some(Some((config, right))) => (config, right),
        };
        for (at, change) in self.0.iter().enumerate() {
            if let Some(id) = change {
                *config.field(at) = *id;
                config.missing.set(at, false);
            }
        }
        (config, right)
    }
}

/// Every field that the configuration knows.
impl From<&GuildConfig> for GuildConfigUpdate {
    fn from(config: &GuildConfig) -> Self {
        let mut update = Self::new();
        for (at, value) in config.fields().into_iter().enumerate() {
            if !config.missing.has(at) {
                update.0[at] = Some(value);
            }
        }
        update
    }
}

impl From<GuildConfig> for GuildConfigUpdate {
    fn from(config: GuildConfig) -> Self {
        Self::from(&config)
    }
}
