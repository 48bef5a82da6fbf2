//! The world the events happen in.

use rand::{SeedableRng, distr::Distribution};
use rand_distr::{LogNormal, Zipf, weighted::WeightedAliasIndex};
use rand_pcg::Pcg64Mcg;

/// The shape of a [`Population`].
#[derive(Debug, Clone)]
pub struct PopulationConfig {
    /// Number of guilds, at least 1.
    pub guilds: u32,
    /// Zipf exponent of guild activity.
    pub guild_skew: f64,
    /// Zipf exponent of member activity within a guild.
    pub member_skew: f64,
    /// Median of the log-normal guild size.
    pub median_members: f64,
    /// Standard deviation of the logarithm of the guild size.
    pub size_spread: f64,
    /// Number of commands, each with its own permission per guild; all equally often used.
    pub commands: u16,
}

impl Default for PopulationConfig {
    /// A shard of 2,000 guilds with 60 commands.
    fn default() -> Self {
        Self {
            guilds: 2_000,
            guild_skew: 1.0,
            member_skew: 0.9,
            median_members: 300.0,
            size_spread: 1.2,
            commands: 60,
        }
    }
}

/// One guild.
#[derive(Debug, Clone)]
pub struct Guild {
    /// Its id, shaped like Discord's.
    pub id: u64,
    /// Number of members, at least 1.
    pub members: u32,
    pub(crate) member_rank: Zipf<f64>,
}

/// Guilds, their activity and their sizes. Immutable; the streams of all threads share one.
#[derive(Debug, Clone)]
pub struct Population {
    pub(crate) config: PopulationConfig,
    pub(crate) guilds: Vec<Guild>,
    pub(crate) activity: WeightedAliasIndex<f64>,
}

/// Discord's ids carry a time in the upper 42 bits and are multiples of 2^22 when nothing else happened that
/// millisecond: the low bits of such keys are all alike, which a cache has to stand.
pub(crate) const fn snowflake(number: u64) -> u64 {
    (0x0001_0000_0000 + number) << 22
}

impl Population {
    /// The population of a seed. O(guilds).
    ///
    /// # Panics
    /// When the configuration has no guilds, no commands, or a negative skew, size or spread.
    pub fn new(config: PopulationConfig, seed: u64) -> Self {
        assert!(
            config.guilds > 0 && config.commands > 0,
            "a population needs a guild and a command"
        );
        let mut rng = Pcg64Mcg::seed_from_u64(seed ^ 0x706f_7075_6c61_7465);
        let size = LogNormal::new(config.median_members.ln(), config.size_spread)
            .expect("a finite spread");
        let guilds: Vec<Guild> = (0..u64::from(config.guilds))
            .map(|rank| {
                let members = size.sample(&mut rng).clamp(1.0, 1_000_000.0) as u32;
                Guild {
                    id: snowflake(rank),
                    members,
                    member_rank: Zipf::new(f64::from(members), config.member_skew)
                        .expect("a skew of 0 or more"),
                }
            })
            .collect();
        let weights = (1..=config.guilds)
            .map(|rank| f64::from(rank).powf(-config.guild_skew))
            .collect();
        let activity = WeightedAliasIndex::new(weights).expect("positive weights");
        Self {
            config,
            guilds,
            activity,
        }
    }

    /// The guilds, the busiest first.
    pub fn guilds(&self) -> &[Guild] {
        &self.guilds
    }

    /// Number of distinct keys that can be looked up, raiders left out.
    pub fn keys(&self) -> u64 {
        let members: u64 = self
            .guilds
            .iter()
            .map(|guild| u64::from(guild.members))
            .sum();
        members + self.guilds.len() as u64 * (2 + u64::from(self.config.commands))
    }

    /// The guild that is raided: one of middling activity, whose own members are then a small part of the traffic.
    pub fn raided(&self) -> &Guild {
        &self.guilds[self.guilds.len() / 20]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_median_asked_for() {
        let population = Population::new(PopulationConfig::default(), 7);
        let mut sizes: Vec<u32> = population
            .guilds()
            .iter()
            .map(|guild| guild.members)
            .collect();
        sizes.sort_unstable();
        let median = sizes[sizes.len() / 2];
        assert!((260..=340).contains(&median), "median {median}");
        assert!(
            sizes[0] < 30 && sizes[sizes.len() - 1] > 5_000,
            "{} to {}",
            sizes[0],
            sizes[sizes.len() - 1]
        );
    }

    #[test]
    fn ids_are_distinct() {
        let population = Population::new(PopulationConfig::default(), 7);
        let ids: std::collections::HashSet<u64> =
            population.guilds().iter().map(|guild| guild.id).collect();
        assert_eq!(ids.len(), 2_000);
    }

    #[test]
    fn the_seed_decides() {
        let sizes = |seed| -> Vec<u32> {
            Population::new(PopulationConfig::default(), seed)
                .guilds()
                .iter()
                .map(|guild| guild.members)
                .collect()
        };
        assert_eq!(sizes(1), sizes(1));
        assert_ne!(sizes(1), sizes(2));
    }
}
