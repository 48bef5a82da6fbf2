//! What a file's name says about its content.

use std::path::Path;

use super::error::TraceError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    U64,
    OracleGeneral,
    Csv,
    Text,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Zstd,
    Gzip,
}

const KNOWN: &str = ".u64, .oracleGeneral, .csv or .txt, each also with .zst or .gz behind it";

impl Format {
    /// For messages: what the content consists of.
    pub(super) const fn expects(self) -> &'static str {
        match self {
            Format::U64 => "8-byte little-endian keys",
            Format::OracleGeneral => "24-byte oracleGeneral records",
            Format::Csv => "one request a line",
            Format::Text => "one key a line",
        }
    }
}

/// Format, compression, and the name without folders and endings. Endings are read without regard to case.
pub(super) fn of(path: &Path) -> Result<(Format, Packing, String), TraceError> {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let (plain, packing) = match name.rsplit_once('.') {
        Some((plain, ending)) if ending.eq_ignore_ascii_case("zst") => (plain, Packing::Zstd),
        Some((plain, ending)) if ending.eq_ignore_ascii_case("gz") => (plain, Packing::Gzip),
        _ => (name.as_str(), Packing::Plain),
    };
    let (stem, ending) = plain.rsplit_once('.').ok_or_else(|| {
        TraceError::new(path, "byte 0", format!("no known ending, expected {KNOWN}"))
    })?;
    let format = match ending.to_ascii_lowercase().as_str() {
        "u64" => Format::U64,
        "oraclegeneral" => Format::OracleGeneral,
        "csv" => Format::Csv,
        "txt" | "text" | "keys" | "trace" | "trc" => Format::Text,
        _ => {
            return Err(TraceError::new(
                path,
                "byte 0",
                format!("unknown ending `.{ending}`, expected {KNOWN}"),
            ));
        }
    };
    Ok((format, packing, stem.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_decide() {
        let of = |name: &str| of(Path::new(name)).unwrap();
        assert_eq!(
            of("d/web07.u64.zst"),
            (Format::U64, Packing::Zstd, "web07".into())
        );
        assert_eq!(
            of("a.b.oracleGeneral"),
            (Format::OracleGeneral, Packing::Plain, "a.b".into())
        );
        assert_eq!(of("X.CSV.GZ"), (Format::Csv, Packing::Gzip, "X".into()));
        assert_eq!(of("k.txt"), (Format::Text, Packing::Plain, "k".into()));
    }

    #[test]
    fn unknown_endings_name_the_known_ones() {
        for name in ["a.bin", "a", "a.zst", "a.bz2", "a.u64.xz", "", ".."] {
            let error = of(Path::new(name)).unwrap_err().to_string();
            assert!(error.contains(".oracleGeneral"), "{name}: {error}");
        }
    }
}
