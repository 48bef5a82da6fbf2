//! What happens: messages, changes, a raid.

use std::sync::Arc;

use rand::{RngExt, SeedableRng, distr::Distribution};
use rand_pcg::Pcg64Mcg;

use crate::{
    key::Key,
    population::{Guild, Population, snowflake},
};

/// Users that raid, over all parts of a plan.
pub const RAIDERS: u64 = 50_000;
/// The part of the messages after which the raid begins.
pub const RAID_AT: f64 = 0.6;
/// The part of the messages that raiders write while the raid lasts.
const RAID_SHARE: f64 = 0.8;
/// The part of the events that change something instead of asking for it.
const CHANGES: f64 = 1.0 / 2_000.0;
/// Where the numbers of raiders begin: above every member's.
const FIRST_RAIDER: u64 = 1 << 30;

/// What one thread plays.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Decides every event.
    pub seed: u64,
    /// Messages of this part.
    pub messages: u64,
    /// Which part of the traffic this is, from 0.
    pub part: u32,
    /// Number of parts, at least 1: the raiders are divided among them.
    pub parts: u32,
}

/// One message: four look-ups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// Prefix, configuration, a command's permission and the author's jail status.
    pub lookups: [Key; 4],
    /// Whether the author is one of the raiders.
    pub raid: bool,
}

/// One event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Someone wrote a message.
    Message(Message),
    /// Someone changed what this key stands for: a cache must drop it.
    Change(Key),
}

/// The events of one part, in order: an iterator that ends after [`Plan::messages`] messages.
#[derive(Debug, Clone)]
pub struct Stream {
    population: Arc<Population>,
    rng: Pcg64Mcg,
    messages: u64,
    sent: u64,
    raid_from: u64,
    next_raider: u64,
    raiders_end: u64,
}

impl Stream {
    /// The stream of a plan.
    ///
    /// # Panics
    /// When `part` is not below `parts`.
    pub fn new(population: Arc<Population>, plan: Plan) -> Self {
        assert!(
            plan.part < plan.parts,
            "part {} of {}",
            plan.part,
            plan.parts
        );
        let (part, parts) = (u64::from(plan.part), u64::from(plan.parts));
        Self {
            population,
            // The part is spread over the seed, so that part 1 of seed 1 is not part 0 of seed 2.
            rng: Pcg64Mcg::seed_from_u64(plan.seed ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            messages: plan.messages,
            sent: 0,
            raid_from: (plan.messages as f64 * RAID_AT).ceil() as u64,
            next_raider: FIRST_RAIDER + RAIDERS * part / parts,
            raiders_end: FIRST_RAIDER + RAIDERS * (part + 1) / parts,
        }
    }

    /// Raiders that have not written yet.
    pub fn raiders_left(&self) -> u64 {
        self.raiders_end - self.next_raider
    }

    fn message(&mut self) -> Message {
        self.sent += 1;
        let raid = self.sent > self.raid_from
            && self.raiders_left() > 0
            && self.rng.random_bool(RAID_SHARE);
        let command = self.rng.random_range(0..self.population.config.commands);
        let (guild, user) = if raid {
            self.next_raider += 1;
            (self.population.raided().id, self.next_raider - 1)
        } else {
            let guild = &self.population.guilds[self.population.activity.sample(&mut self.rng)];
            (guild.id, member(guild, &mut self.rng))
        };
        let author = snowflake(user);
        let lookups = [
            Key::Prefix(guild),
            Key::Config(guild),
            Key::Permission(guild, command),
            Key::Jail(guild, author),
        ];
        Message { lookups, raid }
    }

    fn change(&mut self) -> Key {
        let index = self.population.activity.sample(&mut self.rng);
        let guild = &self.population.guilds[index];
        match self.rng.random_range(0..10_u8) {
            0 => Key::Prefix(guild.id),
            1..=4 => Key::Config(guild.id),
            5..=7 => Key::Permission(
                guild.id,
                self.rng.random_range(0..self.population.config.commands),
            ),
            _ => Key::Jail(guild.id, snowflake(member(guild, &mut self.rng))),
        }
    }
}

/// The number of a member of this guild, who may be in other guilds too: low ranks are active everywhere.
fn member(guild: &Guild, rng: &mut Pcg64Mcg) -> u64 {
    guild.member_rank.sample(rng) as u64
}

impl Iterator for Stream {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        if self.sent >= self.messages {
            return None;
        }
        if self.rng.random_bool(CHANGES) {
            return Some(Event::Change(self.change()));
        }
        Some(Event::Message(self.message()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;
    use crate::population::PopulationConfig;

    fn population() -> Arc<Population> {
        Arc::new(Population::new(PopulationConfig::default(), 3))
    }

    fn stream(seed: u64, messages: u64, part: u32, parts: u32) -> Stream {
        Stream::new(
            population(),
            Plan {
                seed,
                messages,
                part,
                parts,
            },
        )
    }

    fn messages(stream: Stream) -> Vec<Message> {
        let of = |event| match event {
            Event::Message(message) => Some(message),
            Event::Change(_) => None,
        };
        stream.filter_map(of).collect()
    }

    #[test]
    fn the_seed_decides_and_parts_differ() {
        let events = |seed, part| stream(seed, 2_000, part, 2).collect::<Vec<_>>();
        assert_eq!(events(1, 0), events(1, 0));
        assert_ne!(events(1, 0), events(2, 0));
        assert_ne!(events(1, 0), events(1, 1));
    }

    #[test]
    fn it_ends_after_the_messages_asked_for() {
        assert_eq!(messages(stream(1, 12_345, 0, 1)).len(), 12_345);
    }

    #[test]
    fn guild_activity_is_zipf() {
        let population = population();
        let mut seen: HashMap<u64, f64> = HashMap::new();
        for message in messages(stream(5, 300_000, 0, 1)).iter().take(180_000) {
            *seen.entry(message.lookups[0].guild()).or_default() += 1.0;
        }
        // H(2000) = 8.178: the busiest guild has 1/8.178 of the messages, the tenth a tenth of that.
        let share = |rank: usize| seen[&population.guilds()[rank].id] / 180_000.0;
        assert!((share(0) - 0.1223).abs() < 0.004, "first: {}", share(0));
        assert!((share(9) - 0.01223).abs() < 0.002, "tenth: {}", share(9));
    }

    #[test]
    fn member_popularity_is_zipf_with_the_lower_exponent() {
        let population = population();
        let busiest = &population.guilds()[0];
        let mut seen: HashMap<Key, f64> = HashMap::new();
        for message in messages(stream(5, 400_000, 0, 1)).iter().take(240_000) {
            if message.lookups[0].guild() == busiest.id {
                *seen.entry(message.lookups[3]).or_default() += 1.0;
            }
        }
        let of = |rank: u64| seen[&Key::Jail(busiest.id, snowflake(rank))];
        let ratio = of(1) / of(10);
        assert!((6.0..10.5).contains(&ratio), "10^0.9 = 7.9, found {ratio}");
    }

    #[test]
    fn the_raid_begins_at_sixty_percent_with_users_that_never_repeat() {
        let all = messages(stream(9, 200_000, 0, 1));
        let first = all.iter().position(|message| message.raid).expect("a raid");
        assert!((120_000..120_100).contains(&first), "began at {first}");
        let raiders: Vec<Key> = all
            .iter()
            .filter(|message| message.raid)
            .map(|message| message.lookups[3])
            .collect();
        assert_eq!(raiders.len(), 50_000);
        assert_eq!(raiders.iter().collect::<HashSet<_>>().len(), 50_000);
        assert_eq!(
            raiders.iter().map(Key::guild).collect::<HashSet<_>>().len(),
            1
        );
        let members: HashSet<Key> = all
            .iter()
            .filter(|message| !message.raid)
            .map(|m| m.lookups[3])
            .collect();
        assert!(raiders.iter().all(|raider| !members.contains(raider)));
    }

    #[test]
    fn the_parts_share_the_raiders() {
        let mut users = HashSet::new();
        for part in 0..3 {
            users.extend(
                messages(stream(9, 100_000, part, 3))
                    .iter()
                    .filter(|m| m.raid)
                    .map(|m| m.lookups[3]),
            );
        }
        assert_eq!(users.len(), 50_000);
    }

    #[test]
    fn changes_are_rare_and_of_every_kind() {
        let mut kinds: HashMap<_, u32> = HashMap::new();
        for event in stream(2, 400_000, 0, 1) {
            if let Event::Change(key) = event {
                *kinds.entry(key.kind()).or_default() += 1;
            }
        }
        assert_eq!(kinds.len(), 4);
        let changes: u32 = kinds.values().sum();
        assert!((150..=260).contains(&changes), "{changes}");
    }
}
