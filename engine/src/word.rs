//! Enums of which each variant is one word: in documents, in the database, in addresses and forms.

/// The text is none of the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no such word")]
pub struct UnknownWord;

/// Defines an enum and the one spelling of each variant: `ALL` in the order of definition, `as_str`, and `parse`, which
/// is `FromStr` as well. With `: serde` it is also serialised as that word. `else Error = "sentence"` makes an error of
/// its own for texts that are none of them, where a person reads it.
///
/// ```
/// engine::words! {
///     /// How it tastes.
///     #[derive(Debug, Clone, Copy, PartialEq, Eq)]
///     pub enum Taste: serde {
///         Sweet = "sweet",
///         SweetAndSour = "sweet_and_sour",
///     } else NoTaste = "a taste is sweet or sweet_and_sour"
/// }
///
/// assert_eq!(Taste::parse("sweet"), Ok(Taste::Sweet));
/// assert_eq!("salty".parse::<Taste>().map_err(|error| error.to_string()), Err("a taste is sweet or sweet_and_sour".into()));
/// assert_eq!(Taste::ALL.map(Taste::as_str), ["sweet", "sweet_and_sour"]);
/// assert_eq!(serde_json::to_string(&Taste::SweetAndSour).unwrap(), "\"sweet_and_sour\"");
/// ```
#[macro_export]
macro_rules! words {
    ($(#[$meta:meta])* $vis:vis enum $name:ident {
        $($(#[$note:meta])* $variant:ident = $word:literal),+ $(,)?
    } $($rest:tt)*) => {
        $(#[$meta])*
        $vis enum $name { $($(#[$note])* $variant),+ }

        $crate::words!(@both $vis $name { $($variant = $word),+ } $($rest)*);
    };
    ($(#[$meta:meta])* $vis:vis enum $name:ident: serde {
        $($(#[$note:meta])* $variant:ident = $word:literal),+ $(,)?
    } $($rest:tt)*) => {
        $(#[$meta])*
        #[derive(::serde::Serialize, ::serde::Deserialize)]
        $vis enum $name { $($(#[$note])* #[serde(rename = $word)] $variant),+ }

        $crate::words!(@both $vis $name { $($variant = $word),+ } $($rest)*);
    };
    (@both $vis:vis $name:ident { $($variant:ident = $word:literal),+ } else $error:ident = $sentence:literal) => {
        #[doc = concat!("The text is none of them: ", $sentence, ".")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, ::thiserror::Error)]
        #[error($sentence)]
        $vis struct $error;

        $crate::words!(@impl $vis $name { $($variant = $word),+ } $error, $error);
    };
    (@both $vis:vis $name:ident { $($variant:ident = $word:literal),+ }) => {
        $crate::words!(@impl $vis $name { $($variant = $word),+ } $crate::UnknownWord, $crate::UnknownWord);
    };
    (@impl $vis:vis $name:ident { $($variant:ident = $word:literal),+ } $error:ty, $unknown:expr) => {
        impl $name {
            $vis const ALL: [Self; [$($word),+].len()] = [$(Self::$variant),+];

            /// The word it is written as.
            $vis const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }

            $vis fn parse(text: &str) -> ::core::result::Result<Self, $error> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($unknown),
                }
            }
        }

        impl ::core::str::FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> ::core::result::Result<Self, $error> {
                Self::parse(text)
            }
        }
    };
}
