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
            <$family as $crate::typed::family::Family>::OWN_SIZE
        );
    };
    ($manager:ident, $own_size:expr) => {
        impl $manager {
            /// On `backend`, with the [built-in settings](crate::managers::ManagerOptions#built-in-settings).
            pub fn new(backend: impl Into<$crate::backend::Backend>) -> Self {
                Self::with_options(backend, $crate::managers::ManagerOptions::new())
            }

            /// On `backend`, with other settings.
            ///
            /// # Panics
            /// When [`keep_stale`](crate::managers::ManagerOptions::keep_stale) asks for absurdly many entries.
            pub fn with_options(
                backend: impl Into<$crate::backend::Backend>,
                options: $crate::managers::ManagerOptions,
            ) -> Self {
                let shared = $crate::typed::shared::SharedState::new(backend.into(), &options);
                Self::on(shared)
            }

            /// On memory of its own, of the [built-in size](crate::managers::ManagerOptions#built-in-settings).
            #[must_use]
            pub fn in_memory() -> Self {
                Self::on($crate::typed::shared::SharedState::in_memory($own_size))
            }

            /// The one of this process; in memory until [`set_backend`](Self::set_backend).
            pub fn shared() -> &'static Self {
                static SHARED: std::sync::OnceLock<$manager> = std::sync::OnceLock::new();
                SHARED.get_or_init(Self::in_memory)
            }

            /// Replaces the backend for every holder. What memory of its own held is dropped.
            pub fn set_backend(&self, backend: impl Into<$crate::backend::Backend>) {
                self.state().set_backend(backend.into(), None);
            }

            /// [`set_backend`](Self::set_backend) with other settings than the manager had, for every holder.
            ///
            /// # Panics
            /// As [`with_options`](Self::with_options).
            pub fn set_backend_with(
                &self,
                backend: impl Into<$crate::backend::Backend>,
                options: $crate::managers::ManagerOptions,
            ) {
                self.state().set_backend(backend.into(), Some(&options));
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
        }
    };
}

pub(crate) use face;
