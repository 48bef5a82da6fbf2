//! A look-up inside an `async fn`: at once if memory can tell, else later.
//!
//! Macros, because a future awaited inside another is written to the outer one's memory and read back: on a hit that
//! costs more than the look-up itself. So the look-up stands in the manager's own future, its value is copied from the
//! entry to where the caller wants it, and only the slow way is a future of its own.

/// `Result<Option<T>>`: what `$tier` has under `$key`.
macro_rules! answer {
    ($tier:expr, $key:expr) => {
        'answer: {
            let key = $key;
            if let Some(lent) = $tier.at_hand(key) {
                break 'answer Ok(Some($tier.hit(&lent)));
            }
            {
                // Gone before the await: it must not become a part of the future.
                let mut found = None;
                if $tier.peek(key, &mut found) {
                    break 'answer Ok(found);
                }
            }
            *$tier.get_later(key).await
        }
    };
}

/// `Result<T>`: the same, or what `$load` makes if that is nothing, or not whole. `$told` says how its error is
/// told.
macro_rules! answer_or_load {
    ($tier:expr, $key:expr, $load:expr, $told:expr) => {
        'answer: {
            let key = $key;
            if let Some(lent) = $tier.at_hand(key)
                && $crate::typed::Cached::is_whole(lent.value())
            {
                break 'answer Ok($tier.hit(&lent));
            }
            let answered = {
                let mut found = None;
                let answered = $tier.peek(key, &mut found);
                if let Some(value) = found
                    && $crate::typed::Cached::is_whole(&value)
                {
                    break 'answer Ok(value);
                }
                answered
            };
            *$tier.load_later(key, answered, $load, $told).await
        }
    };
}

pub(crate) use {answer, answer_or_load};
