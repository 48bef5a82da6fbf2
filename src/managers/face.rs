//! The part of its face that every manager has: how it is made, its backend, what it counted.

/// For a manager with `fn on(Arc<SharedState>) -> Self` and `fn state(&self) -> &SharedState`. After a colon the family,
/// for one that is nothing but a typed cache of it, in a field `cache`; it then gets those two, and what goes by family.
macro_rules! face {
    ($manager:ident: $family:ty) => {
        impl $manager {
            fn on(shared: std::sync::Arc<$crate::typed::shared::SharedState>) -> Self {
                let cache =
                    $crate::typed::TypedCache::on(shared, $crate::backend::CustomFamily::NONE);
                Self { cache }
            }

            fn state(&self) -> &$crate::typed::shared::SharedState {
                &self.cache.shared
            }

            /// Removes everything of every guild, as far as the [`Scope`](crate::managers::Scope) reaches; says how many
            /// entries went. In Valkey it looks through all keys of the server.
            ///
            /// # Errors
            /// As [`Backend::delete_prefix`](crate::backend::Backend::delete_prefix).
            pub async fn clear_all(&self) -> $crate::error::Result<usize> {
                self.cache.clear_all().await
            }
        }

        $crate::managers::face::face!(
            $manager,
            <$family as $crate::typed::family::Family>::OWN_SIZE,
            $crate::typed::refresh_options::ManagerFacts::of::<$family>()
        );
    };
    ($manager:ident, $own_size:expr, $facts:expr) => {
        impl $manager {
            /// On `backend`, with the [built-in settings](crate::managers::ManagerOptions#built-in-settings).
            pub fn new(backend: impl Into<$crate::backend::Backend>) -> Self {
                Self::with_options(backend, $crate::managers::ManagerOptions::new())
            }

            /// On `backend`, with other settings.
            ///
            /// # Panics
            /// Where [`try_with_options`](Self::try_with_options) returns an error, with its text.
            pub fn with_options(
                backend: impl Into<$crate::backend::Backend>,
                options: $crate::managers::ManagerOptions,
            ) -> Self {
                match Self::try_with_options(backend, options) {
                    Ok(manager) => manager,
                    Err(error) => panic!("{error}"),
                }
            }

            /// On `backend`, with other settings.
            ///
            /// # Errors
            /// Kind `Config` for options that contradict each other or do not go with what this manager keeps; the text
            /// names them and their values.
            pub fn try_with_options(
                backend: impl Into<$crate::backend::Backend>,
                options: $crate::managers::ManagerOptions,
            ) -> $crate::error::Result<Self> {
                let backend = backend.into();
                let shared = $crate::typed::shared::SharedState::new(backend, &options, $facts)?;
                Ok(Self::on(shared))
            }

            /// On memory of its own, of the [built-in size](crate::managers::ManagerOptions#built-in-settings).
            #[must_use]
            pub fn in_memory() -> Self {
                Self::on($crate::typed::shared::SharedState::in_memory(
                    $own_size, $facts,
                ))
            }

            /// The one of this process; in memory until [`set_backend`](Self::set_backend).
            pub fn shared() -> &'static Self {
                static SHARED: std::sync::OnceLock<$manager> = std::sync::OnceLock::new();
                SHARED.get_or_init(Self::in_memory)
            }

            /// Replaces the backend for every holder. What memory of its own held is dropped.
            pub fn set_backend(&self, backend: impl Into<$crate::backend::Backend>) {
                let replaced = self.state().set_backend(backend.into(), None);
                if let Err(error) = replaced {
                    unreachable!("the same options as before: {error}");
                }
            }

            /// [`set_backend`](Self::set_backend) with other settings than the manager had, for every holder.
            ///
            /// # Panics
            /// Where [`try_set_backend_with`](Self::try_set_backend_with) returns an error, with its text.
            pub fn set_backend_with(
                &self,
                backend: impl Into<$crate::backend::Backend>,
                options: $crate::managers::ManagerOptions,
            ) {
                if let Err(error) = self.try_set_backend_with(backend, options) {
                    panic!("{error}");
                }
            }

            /// [`set_backend`](Self::set_backend) with other settings than the manager had, for every holder.
            ///
            /// # Errors
            /// As [`try_with_options`](Self::try_with_options); nothing is replaced then.
            pub fn try_set_backend_with(
                &self,
                backend: impl Into<$crate::backend::Backend>,
                options: $crate::managers::ManagerOptions,
            ) -> $crate::error::Result<()> {
                self.state().set_backend(backend.into(), Some(&options))
            }

            /// The backend.
            #[must_use]
            pub fn backend(&self) -> $crate::backend::Backend {
                self.state().cell.backend().clone()
            }

            /// What this manager counted.
            #[must_use]
            pub fn stats(&self) -> $crate::managers::ManagerStats {
                self.state().stats()
            }

            /// How long its loaders ran.
            #[must_use]
            pub fn load_times(&self) -> $crate::histogram::Histogram {
                self.state().counters.load_times.snapshot()
            }
        }
    };
}

pub(crate) use face;
