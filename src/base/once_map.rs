//! Work keyed by a value: the first caller does it, the others wait for its result.

use std::{collections::HashMap, future::Future, hash::Hash, sync::Arc, sync::Mutex};

use tokio::sync::OnceCell;

/// Runs a piece of async work at most once for each key.
///
/// The key has to name everything that the result depends on. A caller that is cancelled while it does the work
/// leaves the place to the next one that waits.
#[derive(Debug)]
pub struct OnceMap<K, V> {
    cells: Mutex<HashMap<K, Arc<OnceCell<V>>>>,
}

impl<K, V> Default for OnceMap<K, V> {
    fn default() -> Self {
        Self {
            cells: Mutex::new(HashMap::new()),
        }
    }
}

impl<K: Eq + Hash, V: Clone> OnceMap<K, V> {
    /// The value of `key`, made by `work` if nobody has made it yet.
    pub async fn get_or_run<F>(&self, key: K, work: impl FnOnce() -> F) -> V
    where
        F: Future<Output = V>,
    {
        let cell = {
            let mut cells = self.cells.lock().expect("no holder of this lock panics");
            Arc::clone(cells.entry(key).or_default())
        };
        cell.get_or_init(work).await.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn callers_with_one_key_share_one_run() {
        let map = OnceMap::<&str, usize>::default();
        let runs = AtomicUsize::new(0);
        let work = || async {
            tokio::task::yield_now().await;
            runs.fetch_add(1, Ordering::SeqCst)
        };
        let (a, b) = tokio::join!(map.get_or_run("k", work), map.get_or_run("k", work));
        assert_eq!((a, b, runs.load(Ordering::SeqCst)), (0, 0, 1));
    }
}
