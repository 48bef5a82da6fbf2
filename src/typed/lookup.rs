//! A look-up inside an `async fn`: at once if memory can tell, else later.
//!
//! Macros, because a future awaited inside another is written to the outer one's memory and read back: on a hit that
//! costs more than the look-up itself. So the look-up stands in the manager's own future, its value is copied from the
//! entry to where the caller wants it, and only the slow way is a future of its own.

/// `Result<Option<T>>`: what `$tier` has under `$key`.
macro_rules! lookup {
    ($tier:expr, $key:expr) => {
        'answer: {
            let key = $key;
            if let Some(lent) = $tier.try_get_ref(key) {
                break 'answer Ok(Some($tier.hit(&lent)));
            }
            {
                // Gone before the await: it must not become a part of the future.
                let mut found = None;
                if $tier.peek(key, &mut found) {
                    break 'answer Ok(found);
                }
            }
            *$tier.get_boxed(key).await
        }
    };
}

/// `Result<T>`: the same, or what `$load` makes if that is nothing, or not whole. `$map_error` makes an
/// [`Error`](crate::Error) of its error.
macro_rules! lookup_or_load {
    ($tier:expr, $key:expr, $load:expr, $map_error:expr) => {
        'answer: {
            let key = $key;
            if let Some(lent) = $tier.try_get_ref(key)
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
            *$tier.load_boxed(key, answered, $load, $map_error).await
        }
    };
}

pub(crate) use {lookup, lookup_or_load};
