//! A bounded, expiring table: the longest unused entry leaves first, by age or for want of room (invariant 6).

use std::hash::{BuildHasher, Hash};
use std::sync::Mutex;
use std::time::Duration;

use hashlink::LruCache;
use tokio::time::Instant;

use super::lock;

type Entries<K, V> = LruCache<K, (V, Instant), foldhash::fast::RandomState>;

/// On lines of memory of its own, so that no thread waits for another that uses its neighbour.
#[repr(align(128))]
struct Shard<K, V>(Mutex<Entries<K, V>>);

/// Entries `K → V`, at most `max`, each forgotten after `idle` without a look.
pub(crate) struct Table<K, V> {
    shards: Box<[Shard<K, V>]>,
    hasher: foldhash::fast::RandomState,
    idle: Duration,
}

/// Shards only where each still holds a meaningful share of the cap.
const SHARDS: usize = 16;
const MIN_PER_SHARD: usize = 256;
/// Where it matters little which entry leaves.
const SCATTERED_PER_SHARD: usize = 16;

/// What was used so shortly before keeps its place, so that the order is as good as that.
///
/// # Why
/// A place is changed by writing to its neighbours: with whoever calls all the time, every thread would write to the memory
/// of others.
const SHORTLY: Duration = Duration::from_millis(100);

/// The entry, marked as used now.
fn used<K: Hash + Eq, V: Clone>(entries: &mut Entries<K, V>, key: &K, now: Instant) -> Option<V> {
    let (value, used) = entries.peek(key)?;
    if now.duration_since(*used) < SHORTLY {
        return Some(value.clone());
    }
    let (value, used) = entries.get_mut(key)?;
    *used = now;
    Some(value.clone())
}

impl<K: Hash + Eq, V: Clone> Table<K, V> {
    /// An empty table of at most `max` entries.
    pub(crate) fn new(max: usize, idle: Duration) -> Self {
        Self::with_shards(if max >= SHARDS * MIN_PER_SHARD { SHARDS } else { 1 }, max, idle)
    }

    /// The same for what is cheap to make again: an entry may leave before there are so many, so that threads seldom meet.
    pub(crate) fn scattered(max: usize, idle: Duration) -> Self {
        Self::with_shards((max / SCATTERED_PER_SHARD).clamp(1, 4 * SHARDS), max, idle)
    }

    fn with_shards(shards: usize, max: usize, idle: Duration) -> Self {
        let hasher = foldhash::fast::RandomState::default();
        let each = (max / shards).max(1);
        let shard = || Shard(Mutex::new(LruCache::with_hasher(each, hasher.clone())));
        Self { shards: (0..shards).map(|_| shard()).collect(), hasher: hasher.clone(), idle }
    }

    /// The entry, marked as used now.
    pub(crate) fn get(&self, key: &K, now: Instant) -> Option<V> {
        used(&mut lock::lock(&self.shard(key).0), key, now)
    }

    /// The entry, marked as used now, or what `make` makes of nothing; what that pushed out; and whether it is new.
    pub(crate) fn get_or_insert(
        &self,
        key: K,
        now: Instant,
        make: impl FnOnce() -> V,
    ) -> (V, Option<V>, bool) {
        let mut shard = lock::lock(&self.shard(&key).0);
        if let Some(value) = used(&mut shard, &key, now) {
            return (value, None, false);
        }
        let evicted = if shard.len() == shard.capacity() { shard.remove_lru() } else { None };
        let value = make();
        shard.insert(key, (value.clone(), now));
        (value, evicted.map(|(_, (value, _))| value), true)
    }

    /// Puts an entry in; gives back the one it replaced or pushed out.
    pub(crate) fn insert(&self, key: K, value: V, now: Instant) -> Option<V> {
        let mut shard = lock::lock(&self.shard(&key).0);
        if !shard.contains_key(&key) && shard.len() == shard.capacity() {
            let evicted = shard.remove_lru();
            shard.insert(key, (value, now));
            return evicted.map(|(_, (value, _))| value);
        }
        shard.insert(key, (value, now)).map(|(value, _)| value)
    }

    /// Takes an entry out.
    pub(crate) fn remove(&self, key: &K) -> Option<V> {
        lock::lock(&self.shard(key).0).remove(key).map(|(value, _)| value)
    }

    /// Takes out what was not used for too long.
    pub(crate) fn expire(&self, now: Instant) -> Vec<V> {
        self.expire_unless(now, |_| false)
    }

    /// The same, but what is `in_use` counts as used now.
    pub(crate) fn expire_unless(&self, now: Instant, in_use: impl Fn(&V) -> bool) -> Vec<V> {
        let mut expired = Vec::new();
        for shard in &self.shards {
            let mut shard = lock::lock(&shard.0);
            // Each entry is looked at once, also with an idle time of zero.
            for _ in 0..shard.len() {
                if shard.iter().next().is_none_or(|(_, (_, used))| now.duration_since(*used) < self.idle) {
                    break;
                }
                match shard.remove_lru() {
                    Some((key, (value, _))) if in_use(&value) => {
                        shard.insert(key, (value, now));
                    }
                    oldest => expired.extend(oldest.map(|(_, (value, _))| value)),
                }
            }
        }
        expired
    }

    /// An entry that is `wanted`, looked for one by one.
    pub(crate) fn find(&self, wanted: impl Fn(&V) -> bool) -> Option<V> {
        self.shards.iter().find_map(|shard| {
            lock::lock(&shard.0)
                .iter()
                .find(|(_, (value, _))| wanted(value))
                .map(|(_, (value, _))| value.clone())
        })
    }

    /// Shows at most so many entries, in no order.
    pub(crate) fn some(&self, most: usize, sink: &mut dyn FnMut(&V)) {
        let mut left = most;
        for shard in &self.shards {
            for (_, (value, _)) in lock::lock(&shard.0).iter().take(left) {
                sink(value);
                left -= 1;
            }
        }
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock::lock(&shard.0).len()).sum()
    }

    fn shard(&self, key: &K) -> &Shard<K, V> {
        let hash = self.hasher.hash_one(key);
        // The map inside uses the low bits.
        &self.shards[usize::try_from(hash >> 40).unwrap_or(0) % self.shards.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_unused_entry_leaves_first() {
        let start = Instant::now();
        let table = Table::new(2, Duration::from_secs(60));
        assert_eq!(table.insert(1, 'a', start), None);
        assert_eq!(table.insert(2, 'b', start), None);
        assert_eq!(table.get(&1, start + SHORTLY), Some('a'));
        assert_eq!(table.insert(3, 'c', start + SHORTLY), Some('b'));
        assert_eq!(table.get_or_insert(1, start + 2 * SHORTLY, || 'd'), ('a', None, false));
        assert_eq!(table.get_or_insert(4, start + 2 * SHORTLY, || 'd'), ('d', Some('c'), true));
        assert_eq!(table.len(), 2);
    }

    #[test]
    fn what_is_not_used_expires() {
        let start = Instant::now();
        let later = start + Duration::from_secs(40);
        let table = Table::new(10, Duration::from_secs(60));
        table.insert(1, 'a', start);
        table.insert(2, 'b', start);
        table.get(&2, later);
        assert_eq!(table.expire(start + Duration::from_secs(60)), ['a']);
        assert_eq!(table.expire(later + Duration::from_secs(60)), ['b']);
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn a_large_table_keeps_its_cap_over_all_shards() {
        let now = Instant::now();
        let table = Table::new(10_000, Duration::from_secs(60));
        let pushed_out = (0..40_000).filter_map(|key| table.insert(key, key, now)).count();
        assert!(table.len() <= 10_000);
        assert_eq!(table.len() + pushed_out, 40_000);
    }
}
