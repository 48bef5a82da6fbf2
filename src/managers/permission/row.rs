//! Rows as JSON objects, field by field.

use super::limits::{self, Checked};
use super::rows::{CommandPermission, PermissionAssignment, PermissionRank, PermissionRows};
use crate::backend::value::vtable::{ValueVtable, one_vtable};
use crate::backend::{Json, JsonObject};

/// A row with a wire form.
pub(crate) trait Row: Clone + Send + Sync + 'static {
    fn to_json(&self) -> Json;

    /// `None` for anything but an object in which every field has its shape; what else is in it does not matter.
    fn from_json(json: &Json) -> Option<Self>;

    /// Whether every reader takes it.
    fn check(&self) -> Checked;

    /// That of `PermissionRows<Self>`.
    fn rows_vtable() -> &'static ValueVtable;
}

/// What a field of a row can be.
trait Field: Sized {
    fn to_json(&self) -> Json;

    /// `None`: a wrong shape. A field that is missing comes as `None`.
    fn from_json(json: Option<&Json>) -> Option<Self>;
}

impl Field for u64 {
    fn to_json(&self) -> Json {
        Json::from(*self)
    }
    fn from_json(json: Option<&Json>) -> Option<Self> {
        json?.as_u64()
    }
}

impl Field for u8 {
    fn to_json(&self) -> Json {
        Json::from(*self)
    }
    fn from_json(json: Option<&Json>) -> Option<Self> {
        json?.as_u64()?.try_into().ok()
    }
}

impl Field for String {
    fn to_json(&self) -> Json {
        Json::from(self)
    }
    fn from_json(json: Option<&Json>) -> Option<Self> {
        json?.as_str().map(str::to_owned)
    }
}

impl Field for Option<String> {
    fn to_json(&self) -> Json {
        Json::from(self.as_deref())
    }
    fn from_json(json: Option<&Json>) -> Option<Self> {
        match json {
            None | Some(Json::Null) => Some(None),
            Some(Json::String(text)) => Some(Some(text.clone())),
            Some(_) => None,
        }
    }
}

macro_rules! row {
    ($type:ident, $check:path { $($field:ident),* $(,)? }) => {
        impl Row for $type {
            fn to_json(&self) -> Json {
                let mut object = JsonObject::new();
                $(object.insert(stringify!($field), Field::to_json(&self.$field));)*
                Json::Object(object)
            }

            fn from_json(json: &Json) -> Option<Self> {
                let object = json.as_object()?;
                Some(Self {
                    $($field: Field::from_json(object.get(stringify!($field)))?,)*
                })
            }

            fn check(&self) -> Checked {
                $check(self)
            }

            #[inline]
            fn rows_vtable() -> &'static ValueVtable {
                one_vtable!(of PermissionRows<$type>)
            }
        }
    };
}

row!(
    CommandPermission,
    limits::command {
        id,
        guild_id,
        command_name,
        required_rank,
        description,
        created_at,
        updated_at,
    }
);

row!(
    PermissionRank,
    limits::rank {
        id,
        guild_id,
        rank,
        name,
        description,
        created_at,
        updated_at,
    }
);

row!(
    PermissionAssignment,
    limits::assignment {
        id,
        guild_id,
        permission_rank_id,
        role_id,
        created_at,
        updated_at,
    }
);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Serialize;
    use serde::de::DeserializeOwned;
    use std::fmt::Debug;

    /// The derived forms, which users have, and the forms of the wire are the same, and say the same of a wrong one.
    fn both_ways<R: Row + Serialize + DeserializeOwned + PartialEq + Debug>(text: &str) {
        let derived = serde_json::from_str::<R>(text).ok();
        let json: Json = text.parse().unwrap();
        let ours = R::from_json(&json);
        assert_eq!(ours, derived, "{text}");
        if let Some(row) = ours {
            let text = serde_json::to_string(&row).unwrap();
            assert_eq!(row.to_json().to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn a_row_is_what_its_derived_form_is(
            numbers in proptest::collection::vec("0|7|255|256|-1|18446744073709551615|18446744073709551616|1\\.0|1e2|null|\"1\"|\\[\\]", 4),
            texts in proptest::collection::vec("null|\"é\"|\"\\\\u00e9\"|7|\\{\\}", 4),
            left_out in 0_usize..20,
        ) {
            let fields = [
                ("id", &numbers[0]), ("guild_id", &numbers[1]), ("required_rank", &numbers[2]), ("rank", &numbers[2]),
                ("permission_rank_id", &numbers[2]), ("role_id", &numbers[3]), ("command_name", &texts[0]),
                ("name", &texts[0]), ("description", &texts[1]), ("created_at", &texts[2]), ("updated_at", &texts[3]),
                ("more", &numbers[3]),
            ];
            let fields: Vec<String> = fields
                .iter()
                .enumerate()
                .filter(|(at, _)| *at != left_out)
                .map(|(_, (name, value))| format!("\"{name}\": {value}"))
                .collect();
            let text = format!("{{{}}}", fields.join(", "));
            both_ways::<CommandPermission>(&text);
            both_ways::<PermissionRank>(&text);
            both_ways::<PermissionAssignment>(&text);
        }
    }
}
