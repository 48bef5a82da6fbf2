//! The formats by name, and what a file's name says about its content.

use std::{fmt, path::Path, str::FromStr};

use super::error::TraceError;

/// What a trace file consists of. `docs/guide/06_your_trace.md` specifies each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// 8-byte little-endian keys.
    U64,
    /// libCacheSim's 24-byte records.
    OracleGeneral,
    /// One request a line in columns, separated by comma, semicolon, tab or blanks.
    Csv,
    /// One key a line, the whole line.
    Text,
    /// One block number a line; blank lines and lines of a star alone are marks.
    Lirs,
    /// `start count ignored number`: `count` blocks from `start` on.
    Arc,
    /// `l 0x1fffff50 4`: kind of access, address, anything.
    Address,
    /// `time id size`, with further features behind.
    Lrb,
}

impl Format {
    /// All of them, as messages list them.
    pub const ALL: [Self; 8] = [
        Self::U64,
        Self::OracleGeneral,
        Self::Csv,
        Self::Text,
        Self::Lirs,
        Self::Arc,
        Self::Address,
        Self::Lrb,
    ];

    /// As `--format` takes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::U64 => "u64",
            Self::OracleGeneral => "oracleGeneral",
            Self::Csv => "csv",
            Self::Text => "text",
            Self::Lirs => "lirs",
            Self::Arc => "arc",
            Self::Address => "address",
            Self::Lrb => "lrb",
        }
    }

    /// For messages: what the content consists of.
    pub(super) const fn expects(self) -> &'static str {
        match self {
            Self::U64 => "8-byte little-endian keys",
            Self::OracleGeneral => "24-byte oracleGeneral records",
            Self::Csv => "one request a line",
            Self::Text => "one key a line",
            Self::Lirs => "one block number a line",
            Self::Arc => "`start count ignored number` a line",
            Self::Address => "`l 0x1fffff50 4` a line",
            Self::Lrb => "`time id size` a line",
        }
    }

    /// Whether the content is text; the other formats have records of a fixed size.
    pub(super) const fn is_text(self) -> bool {
        !matches!(self, Self::U64 | Self::OracleGeneral)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = String;

    /// Without regard to case, hyphens and underscores.
    fn from_str(text: &str) -> Result<Self, String> {
        let plain = text.trim().replace(['-', '_'], "").to_ascii_lowercase();
        let known = |format: &Self| format.name().eq_ignore_ascii_case(&plain);
        match plain.as_str() {
            "tsv" => Ok(Self::Csv),
            "txt" => Ok(Self::Text),
            _ => Self::ALL
                .into_iter()
                .find(known)
                .ok_or_else(|| format!("expected one of {}", names())),
        }
    }
}

/// `u64, oracleGeneral, …`
pub(super) fn names() -> String {
    Format::ALL.map(Format::name).join(", ")
}

/// What an ending says. `Auto` is text whose first lines decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Is(Format),
    Auto,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Zstd,
    Gzip,
}

const KNOWN: &str = ".u64, .oracleGeneral, .oracleGeneral.bin, .csv, .tsv, .lis (ARC), .tr (LRB), or .txt, .text, \
                     .keys, .trace, .trc for text, each also with .zst or .gz behind it";

/// What the ending says, the compression, and the name without folders and endings. Endings are read without regard
/// to case. With `format` the ending is not asked.
pub(super) fn of(
    path: &Path,
    format: Option<Format>,
) -> Result<(Ending, Packing, String), TraceError> {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let (plain, packing) = match name.rsplit_once('.') {
        Some((plain, ending)) if ending.eq_ignore_ascii_case("zst") => (plain, Packing::Zstd),
        Some((plain, ending)) if ending.eq_ignore_ascii_case("gz") => (plain, Packing::Gzip),
        _ => (name.as_str(), Packing::Plain),
    };
    let unknown = |problem: String| {
        let expected = format!("{problem}, expected {KNOWN}; or --format {}", names());
        TraceError::new(path, "byte 0", expected)
    };
    let found = match ending(plain) {
        Some((ending, stem)) => Some((Ending::Is(ending), stem)),
        None => plain.rsplit_once('.').and_then(|(stem, ending)| {
            let text = ["txt", "text", "keys", "trace", "trc"];
            let text = text.iter().any(|known| ending.eq_ignore_ascii_case(known));
            text.then_some((Ending::Auto, stem))
        }),
    };
    match (format, found) {
        (None, Some((ending, stem))) => Ok((ending, packing, stem.to_owned())),
        (Some(format), Some((_, stem))) => Ok((Ending::Is(format), packing, stem.to_owned())),
        (Some(format), None) => {
            let stem = plain.rsplit_once('.').map(|(stem, _)| stem);
            let stem = stem.filter(|stem| !stem.is_empty()).unwrap_or(plain);
            Ok((Ending::Is(format), packing, stem.to_owned()))
        }
        (None, None) => Err(match plain.rsplit_once('.') {
            Some((_, ending)) => unknown(format!("unknown ending `.{ending}`")),
            None => unknown("no known ending".to_owned()),
        }),
    }
}

/// The format of an ending that leaves no choice, and what stands before it. `.oracleGeneral` may have `.bin` or,
/// for samples, `.sample10` behind it.
fn ending(name: &str) -> Option<(Format, &str)> {
    let (stem, ending) = name.rsplit_once('.')?;
    let format = match ending.to_ascii_lowercase().as_str() {
        "u64" => Format::U64,
        "oraclegeneral" => Format::OracleGeneral,
        "csv" | "tsv" => Format::Csv,
        "lis" => Format::Arc,
        "tr" => Format::Lrb,
        part => {
            let sample = part.strip_prefix("sample");
            let sample = sample.is_some_and(|n| n.bytes().all(|byte| byte.is_ascii_digit()));
            let (stem, before) = stem.rsplit_once('.')?;
            let oracle = before.eq_ignore_ascii_case("oraclegeneral");
            return (oracle && (part == "bin" || sample)).then_some((Format::OracleGeneral, stem));
        }
    };
    Some((format, stem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_decide() {
        let of = |name: &str| of(Path::new(name), None).unwrap();
        for (name, ending, packing, stem) in [
            (
                "d/web07.u64.zst",
                Ending::Is(Format::U64),
                Packing::Zstd,
                "web07",
            ),
            (
                "a.b.oracleGeneral",
                Ending::Is(Format::OracleGeneral),
                Packing::Plain,
                "a.b",
            ),
            (
                "w106.oracleGeneral.bin.zst",
                Ending::Is(Format::OracleGeneral),
                Packing::Zstd,
                "w106",
            ),
            (
                "w.oracleGeneral.bin",
                Ending::Is(Format::OracleGeneral),
                Packing::Plain,
                "w",
            ),
            (
                "c52.oracleGeneral.sample10.gz",
                Ending::Is(Format::OracleGeneral),
                Packing::Gzip,
                "c52",
            ),
            ("X.CSV.GZ", Ending::Is(Format::Csv), Packing::Gzip, "X"),
            ("x.tsv", Ending::Is(Format::Csv), Packing::Plain, "x"),
            ("OLTP.lis", Ending::Is(Format::Arc), Packing::Plain, "OLTP"),
            (
                "wiki2018.tr",
                Ending::Is(Format::Lrb),
                Packing::Plain,
                "wiki2018",
            ),
            ("k.txt", Ending::Auto, Packing::Plain, "k"),
            ("gcc.trace.gz", Ending::Auto, Packing::Gzip, "gcc"),
        ] {
            assert_eq!(of(name), (ending, packing, stem.to_owned()), "{name}");
        }
    }

    #[test]
    fn unknown_endings_name_the_known_ones() {
        for name in [
            "a.bin",
            "a",
            "a.zst",
            "a.bz2",
            "a.u64.xz",
            "",
            "..",
            "sample10",
            "oracleGeneral",
            "a.sample10",
        ] {
            let error = of(Path::new(name), None).unwrap_err().to_string();
            assert!(error.contains(".oracleGeneral"), "{name}: {error}");
            assert!(
                error.contains("--format u64, oracleGeneral"),
                "{name}: {error}"
            );
        }
    }

    #[test]
    fn a_format_that_is_given_asks_no_ending() {
        let of = |name: &str| of(Path::new(name), Some(Format::Arc)).unwrap();
        assert_eq!((of("a").2.as_str(), of(".a").2.as_str()), ("a", ".a"));
        assert_eq!(
            of("a.b.gz"),
            (Ending::Is(Format::Arc), Packing::Gzip, "a".into())
        );
        assert_eq!(of("P1.lis.zst").2, "P1");
        assert_eq!(of("P1.csv").0, Ending::Is(Format::Arc));
    }

    #[test]
    fn names_are_read_without_regard_to_case() {
        for format in Format::ALL {
            assert_eq!(format.name().to_uppercase().parse(), Ok(format));
        }
        assert_eq!("oracle-general".parse(), Ok(Format::OracleGeneral));
        assert_eq!("txt".parse(), Ok(Format::Text));
        let error = "vscsi".parse::<Format>().unwrap_err();
        assert!(
            error.contains("oracleGeneral") && error.contains("lrb"),
            "{error}"
        );
    }
}
