//! The `datetime` family.

use super::error::{DecodeError, Fault};
use super::reader::{Item, Reader};
use super::tags;
use super::text::Text;
use super::writer::Writer;

/// `date`: days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    /// From 0001-01-01 to 9999-12-31.
    pub days: i32,
}

/// `time`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Time {
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 to 999 999.
    pub microsecond: u32,
    /// Which of two equal wall clock times is meant.
    pub fold: bool,
    /// `tzinfo`.
    pub zone: Option<Zone>,
}

/// `datetime`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateTime {
    /// 1 to 9999.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// The time of that day.
    pub time: Time,
}

/// `timedelta`, normalised as Python does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timedelta {
    /// From -999 999 999 to 999 999 999.
    pub days: i32,
    /// 0 to 86 399.
    pub seconds: u32,
    /// 0 to 999 999.
    pub microseconds: u32,
}

/// `timezone` or `ZoneInfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Zone {
    /// `timezone(timedelta(microseconds=offset_us), name)`.
    Fixed {
        /// Less than a day either way.
        offset_us: i64,
        /// Its name, if one was given.
        name: Option<Text>,
    },
    /// `ZoneInfo(key)`.
    Info(String),
}

const DAYS_MIN: i32 = -719_162;
const DAYS_MAX: i32 = 2_932_896;
const TIMEDELTA_DAYS_MAX: i32 = 999_999_999;
const DAY_US: i64 = 86_400_000_000;
/// Longest key of a zone; the longest that exists has 32 bytes.
const ZONE_KEY_BYTES_MAX: usize = 255;

impl Date {
    pub(super) fn check(self) -> Result<(), Fault> {
        ensure((DAYS_MIN..=DAYS_MAX).contains(&self.days), "a date is out of range")
    }

    pub(super) fn write(self, writer: &mut Writer) {
        writer.tag(tags::DATE);
        writer.int(self.days.into());
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let date = Self { days: reader.small()? };
        date.check().map_err(|fault| reader.error(fault))?;
        Ok(date)
    }
}

impl Time {
    pub(super) fn check(&self) -> Result<(), Fault> {
        let whole = self.hour < 24 && self.minute < 60 && self.second < 60;
        ensure(whole && self.microsecond < 1_000_000, "a time of day is out of range")?;
        self.zone.as_ref().map_or(Ok(()), Zone::check)
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.tag(tags::TIME);
        writer.array(6);
        self.write_parts(writer);
    }

    /// Whether the zone is itself an array.
    pub(super) fn is_fixed(&self) -> bool {
        self.zone.as_ref().is_some_and(Zone::is_fixed)
    }

    fn write_parts(&self, writer: &mut Writer) {
        writer.uint(self.hour.into());
        writer.uint(self.minute.into());
        writer.uint(self.second.into());
        writer.uint(self.microsecond.into());
        writer.uint(self.fold.into());
        match &self.zone {
            None => writer.null(),
            Some(zone) => zone.write(writer),
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.array_of(6)?;
        Self::read_parts(reader)
    }

    fn read_parts(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut time = Self {
            hour: reader.small()?,
            minute: reader.small()?,
            second: reader.small()?,
            microsecond: reader.small()?,
            fold: match reader.int()? {
                0 => false,
                1 => true,
                _ => return Err(reader.error(Fault::Invalid("a fold is neither 0 nor 1"))),
            },
            zone: None,
        };
        time.check().map_err(|fault| reader.error(fault))?;
        time.zone = match reader.item()? {
            Item::None => None,
            Item::Tag(tag @ (tags::TIMEZONE | tags::ZONE_INFO)) => Some(Zone::read(tag, reader)?),
            _ => return Err(reader.error(Fault::Expected("a time zone"))),
        };
        Ok(time)
    }
}

impl DateTime {
    pub(super) fn check(&self) -> Result<(), Fault> {
        let leap = self.year.is_multiple_of(4)
            && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400));
        let days = match self.month {
            2 => 28 + u8::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => 0,
        };
        let day = (1..=9999).contains(&self.year) && (1..=days).contains(&self.day);
        ensure(day, "a date is out of range")?;
        self.time.check()
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.tag(tags::DATETIME);
        writer.array(9);
        writer.uint(self.year.into());
        writer.uint(self.month.into());
        writer.uint(self.day.into());
        self.time.write_parts(writer);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.array_of(9)?;
        let value = Self {
            year: reader.small()?,
            month: reader.small()?,
            day: reader.small()?,
            time: Time::read_parts(reader)?,
        };
        value.check().map_err(|fault| reader.error(fault))?;
        Ok(value)
    }
}

impl Timedelta {
    pub(super) fn check(self) -> Result<(), Fault> {
        let days = self.days.abs() <= TIMEDELTA_DAYS_MAX;
        let rest = self.seconds < 86_400 && self.microseconds < 1_000_000;
        ensure(days && rest, "a timedelta is out of range")
    }

    pub(super) fn write(self, writer: &mut Writer) {
        writer.tag(tags::TIMEDELTA);
        writer.array(3);
        writer.int(self.days.into());
        writer.uint(self.seconds.into());
        writer.uint(self.microseconds.into());
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.array_of(3)?;
        let value =
            Self { days: reader.small()?, seconds: reader.small()?, microseconds: reader.small()? };
        value.check().map_err(|fault| reader.error(fault))?;
        Ok(value)
    }
}

impl Zone {
    /// Whether its content is an array.
    pub(super) fn is_fixed(&self) -> bool {
        matches!(self, Self::Fixed { .. })
    }

    pub(super) fn check(&self) -> Result<(), Fault> {
        match self {
            Self::Fixed { offset_us, .. } => {
                let day = -DAY_US + 1..DAY_US;
                ensure(day.contains(offset_us), "a time zone is a day or more away")
            }
            // A key becomes a file name where it is looked up.
            Self::Info(key) => {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte);
                let relative = !key.is_empty() && !key.starts_with('/');
                let known = relative && key.len() <= ZONE_KEY_BYTES_MAX && key.bytes().all(plain);
                ensure(known, "a time zone has a key that is no zone's")
            }
        }
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        match self {
            Self::Fixed { offset_us, name } => {
                writer.tag(tags::TIMEZONE);
                writer.array(2);
                writer.int(*offset_us);
                match name {
                    None => writer.null(),
                    Some(name) => writer.any_text(name),
                }
            }
            Self::Info(key) => {
                writer.tag(tags::ZONE_INFO);
                writer.text(key);
            }
        }
    }

    /// Reads what follows `tag`.
    pub(super) fn read(tag: u64, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let zone = if tag == tags::ZONE_INFO {
            Self::Info(reader.text()?.to_owned())
        } else {
            reader.array_of(2)?;
            let offset_us = reader.int()?;
            let name = match reader.item()? {
                Item::None => None,
                item => Some(Text::read(item, reader)?),
            };
            Self::Fixed { offset_us, name }
        };
        zone.check().map_err(|fault| reader.error(fault))?;
        Ok(zone)
    }
}

/// `Ok` if `fact` holds.
pub(super) fn ensure(fact: bool, otherwise: &'static str) -> Result<(), Fault> {
    if fact { Ok(()) } else { Err(Fault::Invalid(otherwise)) }
}
