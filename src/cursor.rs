//! Reading bytes that came from outside: every read is checked against what is there.
//!
//! Takes a slice, gives numbers and sub-slices from its front; never panics and never allocates.

/// Fewer bytes than a field needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{wanted} bytes wanted where {left} are left")]
pub struct Short {
    /// Bytes that the field takes.
    pub wanted: usize,
    /// Bytes that were there.
    pub left: usize,
}

/// The unread rest of a slice.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    rest: &'a [u8],
}

macro_rules! little_endian {
    ($($name:ident $type:ty, $size:literal;)*) => {$(
        /// The next bytes as a little-endian number.
        ///
        /// # Errors
        /// [`Short`] where fewer are left.
        #[inline]
        pub fn $name(&mut self) -> Result<$type, Short> {
            match self.rest.split_first_chunk::<$size>() {
                Some((bytes, rest)) => {
                    self.rest = rest;
                    Ok(<$type>::from_le_bytes(*bytes))
                }
                None => Err(self.short($size)),
            }
        }
    )*};
}

impl<'a> Cursor<'a> {
    /// Starts at the front of `bytes`.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { rest: bytes }
    }

    /// What has not been read.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything has been read.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// [`Short`] where fewer are left.
    #[inline]
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Short> {
        match self.rest.split_at_checked(count) {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err(self.short(count)),
        }
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    /// [`Short`] where fewer are left.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Short> {
        match self.rest.split_first_chunk::<N>() {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(*bytes)
            }
            None => Err(self.short(N)),
        }
    }

    little_endian! {
        u8 u8, 1;
        u16 u16, 2;
        u32 u32, 4;
        u64 u64, 8;
    }

    /// The next `count` (at most 8) bytes as a little-endian number.
    ///
    /// # Errors
    /// [`Short`] where fewer are left or `count` is over 8.
    #[inline]
    pub fn uint(&mut self, count: usize) -> Result<u64, Short> {
        let bytes = self.take(count)?;
        let mut wide = [0u8; 8];
        wide.get_mut(..count)
            .ok_or(Short {
                wanted: count,
                left: 8,
            })?
            .copy_from_slice(bytes);
        Ok(u64::from_le_bytes(wide))
    }

    /// A length-encoded integer of the client protocol (1, 3, 4 or 9 bytes).
    ///
    /// # Errors
    /// [`Short`] where the bytes end first, or for the markers 0xfb and 0xff, which start no length.
    pub fn length(&mut self) -> Result<u64, Short> {
        match self.u8()? {
            0xfc => self.uint(2),
            0xfd => self.uint(3),
            0xfe => self.u64(),
            0xfb | 0xff => Err(self.short(usize::MAX)),
            small => Ok(u64::from(small)),
        }
    }

    /// A length-encoded string: its bytes.
    ///
    /// # Errors
    /// [`Short`] as for the parts.
    pub fn length_bytes(&mut self) -> Result<&'a [u8], Short> {
        let length = self.length()?;
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    /// An unsigned integer of MySQL's serialization library: the count of trailing one bits of the
    /// first byte says how many bytes follow it (`libs/mysql/serialization`, MySQL 8.3).
    ///
    /// # Errors
    /// [`Short`] where the bytes end first.
    pub fn varlen(&mut self) -> Result<u64, Short> {
        let first = self.rest.first().copied().ok_or_else(|| self.short(1))?;
        let more = first.trailing_ones();
        if more == 8 {
            self.u8()?;
            return self.u64();
        }
        let count = more as usize + 1;
        Ok(self.uint(count)? >> count)
    }

    fn short(&self, wanted: usize) -> Short {
        Short {
            wanted,
            left: self.rest.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_and_says_what_is_missing() {
        let mut cursor = Cursor::new(&[1, 2, 0, 3, 0, 0, 0]);
        assert_eq!(cursor.u8(), Ok(1));
        assert_eq!(cursor.u16(), Ok(2));
        assert_eq!(cursor.uint(3), Ok(3));
        assert_eq!(cursor.u16(), Err(Short { wanted: 2, left: 1 }));
        assert!(cursor.uint(9).is_err());
    }

    #[test]
    fn reads_lengths() {
        assert_eq!(Cursor::new(&[250]).length(), Ok(250));
        assert_eq!(Cursor::new(&[0xfc, 1, 1]).length(), Ok(257));
        assert_eq!(Cursor::new(&[0xfd, 1, 0, 1]).length(), Ok(65537));
        assert!(Cursor::new(&[0xfb]).length().is_err());
        assert!(Cursor::new(&[0xfe, 1]).length().is_err());
        assert!(Cursor::new(&[5, 1]).length_bytes().is_err());
    }

    #[test]
    fn reads_varlen() {
        assert_eq!(Cursor::new(&[0b10]).varlen(), Ok(1));
        assert_eq!(Cursor::new(&[0b0000_0001, 0b0000_0010]).varlen(), Ok(128));
        assert_eq!(Cursor::new(&[0xff, 1, 0, 0, 0, 0, 0, 0, 0]).varlen(), Ok(1));
        assert!(Cursor::new(&[0b11, 0]).varlen().is_err());
    }
}
