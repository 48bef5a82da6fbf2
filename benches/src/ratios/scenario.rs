//! What is timed.

use super::rival::Rival;

/// One thing that is timed for every rival that can do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// Hits, one call each, in a random order over all present keys; a TTL is set where there is one.
    Hit(usize),
    /// The same, four look-ups a view.
    Pin(usize),
    /// Keys that never repeat into a full cache; maps remove the oldest.
    Insert(usize),
    /// New values for present keys.
    Overwrite(usize),
    /// 80 % look-ups of keys that stay, 20 % of keys that never repeat, which are then set: entries, threads.
    Mixed(usize, usize),
    /// Hits only: entries, threads.
    Read(usize, usize),
}

impl Scenario {
    /// All at these sizes; the writing and the threaded ones at the middle size alone.
    pub(crate) fn all(sizes: &[usize]) -> Vec<Scenario> {
        let middle = sizes[sizes.len() / 2];
        let mut all: Vec<Scenario> = sizes.iter().map(|&size| Scenario::Hit(size)).collect();
        all.extend(sizes.iter().map(|&size| Scenario::Pin(size)));
        all.extend([
            Scenario::Insert(middle),
            Scenario::Overwrite(middle),
            Scenario::Mixed(middle, 1),
            Scenario::Mixed(middle, 2),
            Scenario::Read(middle, 1),
            Scenario::Read(middle, 2),
        ]);
        all
    }

    pub(crate) fn name(&self) -> String {
        match *self {
            Scenario::Hit(size) => format!("hit, {}", short(size)),
            Scenario::Pin(size) => format!("pin, {}", short(size)),
            Scenario::Insert(size) => format!("insert at capacity, {}", short(size)),
            Scenario::Overwrite(size) => format!("overwrite, {}", short(size)),
            Scenario::Mixed(size, threads) => {
                format!("mixed 80 % hits, {}, {threads} thr", short(size))
            }
            Scenario::Read(size, threads) => format!("read-only, {}, {threads} thr", short(size)),
        }
    }

    pub(crate) fn threads(self) -> usize {
        match self {
            Scenario::Mixed(_, threads) | Scenario::Read(_, threads) => threads,
            _ => 1,
        }
    }

    /// Who can do it, tux-cache first.
    pub(crate) fn rivals(&self) -> Vec<Rival> {
        let caches = [
            Rival::Tux,
            Rival::Quick,
            Rival::Moka,
            Rival::MiniMoka,
            Rival::TinyUfo,
            Rival::Foyer,
        ];
        let maps = [Rival::Papaya, Rival::Dashmap];
        let bounds = [Rival::Stamped, Rival::Bare];
        match self {
            Scenario::Pin(_) => {
                [&[Rival::Tux, Rival::Papaya, Rival::Hashbrown], &bounds[..]].concat()
            }
            Scenario::Mixed(..) => caches.to_vec(),
            Scenario::Read(..) => [&caches[..], &maps].concat(),
            Scenario::Hit(_) => [&caches[..], &maps, &[Rival::Hashbrown], &bounds].concat(),
            Scenario::Insert(_) | Scenario::Overwrite(_) => {
                [&caches[..], &maps, &[Rival::Hashbrown]].concat()
            }
        }
    }
}

fn short(size: usize) -> String {
    match size {
        size if size >= 1_000_000 && size % 1_000_000 == 0 => format!("{} M", size / 1_000_000),
        size if size >= 1_000 && size % 1_000 == 0 => format!("{} k", size / 1_000),
        size => size.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_apart() {
        let all = Scenario::all(&[1_000, 10_000, 1_000_000]);
        let names: std::collections::HashSet<String> = all.iter().map(Scenario::name).collect();
        assert_eq!(names.len(), all.len());
        assert!(
            names.contains("hit, 1 M") && names.contains("mixed 80 % hits, 10 k, 2 thr"),
            "{names:?}"
        );
        assert!(
            all.iter()
                .all(|scenario| scenario.rivals()[0] == Rival::Tux)
        );
    }
}
