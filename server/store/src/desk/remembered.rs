//! What was read last, with what it was read for. Whoever comes while it is read waits for the same answer.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use crate::StoreError;

type Slot<S, V> = Arc<tokio::sync::Mutex<Option<(S, Arc<V>)>>>;

/// A value for each `K`, as good as its stamp: with another stamp it is read again.
#[derive(Debug)]
pub(crate) struct Remembered<K, S, V>(Mutex<HashMap<K, Slot<S, V>>>);

impl<K, S, V> Default for Remembered<K, S, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, S: PartialEq, V> Remembered<K, S, V> {
    pub(crate) async fn of(
        &self,
        key: K,
        stamp: S,
        read: impl Future<Output = Result<V, StoreError>>,
    ) -> Result<Arc<V>, StoreError> {
        let slot = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(key).or_default())
        };
        let mut known = slot.lock().await;
        if let Some((of, value)) = known.as_ref()
            && *of == stamp
        {
            return Ok(Arc::clone(value));
        }
        let value = Arc::new(read.await?);
        *known = Some((stamp, Arc::clone(&value)));
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_read_again_when_its_stamp_is_another() {
        let remembered = Remembered::<&str, u64, u64>::default();
        let of = async |key, stamp, value| {
            *remembered.of(key, stamp, async move { Ok(value) }).await.expect("a value")
        };
        assert_eq!(of("production", 1, 10).await, 10);
        assert_eq!(of("production", 1, 11).await, 10, "nothing happened in between");
        assert_eq!(of("staging", 1, 12).await, 12);
        assert_eq!(of("production", 2, 13).await, 13);
    }

    #[tokio::test]
    async fn a_failure_is_not_remembered() {
        let remembered = Remembered::<(), u64, u64>::default();
        assert!(remembered.of((), 1, async { Err(StoreError::Entropy) }).await.is_err());
        assert_eq!(*remembered.of((), 1, async { Ok(7) }).await.expect("a value"), 7);
    }
}
