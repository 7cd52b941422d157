//! Collations by name: which character set each belongs to, and which one a character set has by default.
//!
//! Takes names as SQL has them, in any case, and the old name `utf8`; gives the names of information_schema.

use crate::text::charset::Charset;

/// A collation, by the name that information_schema has for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Collation(String);

impl Collation {
    /// Of a name; `utf8_…` is an alias of `utf8mb3_…`. `None` where its character set is not one of MySQL's.
    pub fn new(name: &str) -> Option<Collation> {
        let name = name.to_ascii_lowercase();
        let name = match name.strip_prefix("utf8_") {
            Some(rest) => format!("utf8mb3_{rest}"),
            None => name,
        };
        let charset = name.split('_').next().unwrap_or_default();
        Charset::from_name(charset)?;
        Some(Collation(name))
    }

    /// The one that a character set has where none is named, except that of utf8mb4, which is a setting of the
    /// server. `None` for a name that is no character set.
    pub fn default_of(charset: &str) -> Option<Collation> {
        let charset = charset_of(charset)?;
        Some(Collation(default_name(charset).to_owned()))
    }

    /// The binary collation of the same character set.
    #[must_use]
    pub fn binary_variant(&self) -> Collation {
        match self.charset() {
            "binary" => self.clone(),
            charset => Collation(format!("{charset}_bin")),
        }
    }

    /// `utf8mb4_0900_ai_ci`.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// `utf8mb4`: every collation's name starts with that of its character set.
    pub fn charset(&self) -> &str {
        self.0.split('_').next().unwrap_or_default()
    }

    /// Bytes, not text.
    pub fn is_binary(&self) -> bool {
        self.0 == "binary"
    }

    /// Bytes of the longest character.
    pub fn char_bytes_max(&self) -> u32 {
        match Charset::from_name(self.charset()) {
            Some(charset) => char_bytes_max(charset),
            None => 1,
        }
    }
}

/// The character set of a name in SQL: any case, and `utf8` for `utf8mb3`.
pub fn charset_of(name: &str) -> Option<Charset> {
    let name = name.to_ascii_lowercase();
    match name.as_str() {
        "utf8" => Some(Charset::Utf8mb3),
        name => Charset::from_name(name),
    }
}

fn char_bytes_max(charset: Charset) -> u32 {
    match charset {
        Charset::Utf8mb4
        | Charset::Utf16
        | Charset::Utf16le
        | Charset::Utf32
        | Charset::Gb18030 => 4,
        Charset::Utf8mb3 | Charset::Ujis | Charset::Eucjpms => 3,
        Charset::Big5
        | Charset::Cp932
        | Charset::Euckr
        | Charset::Gb2312
        | Charset::Gbk
        | Charset::Sjis
        | Charset::Ucs2 => 2,
        Charset::Armscii8
        | Charset::Ascii
        | Charset::Binary
        | Charset::Cp1250
        | Charset::Cp1251
        | Charset::Cp1256
        | Charset::Cp1257
        | Charset::Cp850
        | Charset::Cp852
        | Charset::Cp866
        | Charset::Dec8
        | Charset::Geostd8
        | Charset::Greek
        | Charset::Hebrew
        | Charset::Hp8
        | Charset::Keybcs2
        | Charset::Koi8r
        | Charset::Koi8u
        | Charset::Latin1
        | Charset::Latin2
        | Charset::Latin5
        | Charset::Latin7
        | Charset::Macce
        | Charset::Macroman
        | Charset::Swe7
        | Charset::Tis620 => 1,
    }
}

fn default_name(charset: Charset) -> &'static str {
    match charset {
        Charset::Armscii8 => "armscii8_general_ci",
        Charset::Ascii => "ascii_general_ci",
        Charset::Big5 => "big5_chinese_ci",
        Charset::Binary => "binary",
        Charset::Cp1250 => "cp1250_general_ci",
        Charset::Cp1251 => "cp1251_general_ci",
        Charset::Cp1256 => "cp1256_general_ci",
        Charset::Cp1257 => "cp1257_general_ci",
        Charset::Cp850 => "cp850_general_ci",
        Charset::Cp852 => "cp852_general_ci",
        Charset::Cp866 => "cp866_general_ci",
        Charset::Cp932 => "cp932_japanese_ci",
        Charset::Dec8 => "dec8_swedish_ci",
        Charset::Eucjpms => "eucjpms_japanese_ci",
        Charset::Euckr => "euckr_korean_ci",
        Charset::Gb18030 => "gb18030_chinese_ci",
        Charset::Gb2312 => "gb2312_chinese_ci",
        Charset::Gbk => "gbk_chinese_ci",
        Charset::Geostd8 => "geostd8_general_ci",
        Charset::Greek => "greek_general_ci",
        Charset::Hebrew => "hebrew_general_ci",
        Charset::Hp8 => "hp8_english_ci",
        Charset::Keybcs2 => "keybcs2_general_ci",
        Charset::Koi8r => "koi8r_general_ci",
        Charset::Koi8u => "koi8u_general_ci",
        Charset::Latin1 => "latin1_swedish_ci",
        Charset::Latin2 => "latin2_general_ci",
        Charset::Latin5 => "latin5_turkish_ci",
        Charset::Latin7 => "latin7_general_ci",
        Charset::Macce => "macce_general_ci",
        Charset::Macroman => "macroman_general_ci",
        Charset::Sjis => "sjis_japanese_ci",
        Charset::Swe7 => "swe7_swedish_ci",
        Charset::Tis620 => "tis620_thai_ci",
        Charset::Ucs2 => "ucs2_general_ci",
        Charset::Ujis => "ujis_japanese_ci",
        Charset::Utf16 => "utf16_general_ci",
        Charset::Utf16le => "utf16le_general_ci",
        Charset::Utf32 => "utf32_general_ci",
        Charset::Utf8mb3 => "utf8mb3_general_ci",
        Charset::Utf8mb4 => "utf8mb4_0900_ai_ci",
    }
}
