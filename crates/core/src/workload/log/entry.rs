//! One entry of a server log, whatever the format of the file.

/// What the collector needs of an entry; the buffers are used again for the next one.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// Milliseconds since 1970 in the time zone of the log.
    pub(super) time: Option<i64>,
    /// The session or, where the log does not name it, the process; 0 if the log names neither.
    pub(super) session: u64,
    pub(super) user: Vec<u8>,
    pub(super) database: Vec<u8>,
    pub(super) application: Vec<u8>,
    /// Whether it is of the severity of statements and durations.
    pub(super) is_log: bool,
    pub(super) message: Vec<u8>,
    pub(super) detail: Vec<u8>,
}

impl Entry {
    pub(super) fn clear(&mut self) {
        self.time = None;
        self.session = 0;
        self.is_log = false;
        for buffer in
            [&mut self.user, &mut self.database, &mut self.application, &mut self.message, &mut self.detail]
        {
            buffer.clear();
        }
    }
}

/// A number for the name of a session (FNV-1a); never 0.
pub(super) fn session_of(name: &[u8]) -> u64 {
    let hash = name.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash.max(1)
}

/// Reads the times of a log; consecutive entries share their day, which is computed once.
#[derive(Debug, Default)]
pub(super) struct Clock {
    day: [u8; 10],
    begins: i64,
}

const DAY_MS: i64 = 86_400_000;

impl Clock {
    /// `2026-11-25 16:50:41.910 UTC` in milliseconds, its zone ignored: within one log it is always the same.
    /// None if the text does not begin with a time.
    pub(super) fn time(&mut self, text: &[u8]) -> Option<i64> {
        let day: [u8; 10] = text.get(..10)?.try_into().ok()?;
        if day != self.day {
            self.begins = begin_of(&day)?;
            self.day = day;
        }
        let (hour, minute, second) = (two(text, 11)?, two(text, 14)?, two(text, 17)?);
        let shaped = text.get(13) == Some(&b':') && text.get(16) == Some(&b':');
        if !shaped || hour > 24 || minute > 59 || second > 60 {
            return None;
        }
        let mut ms = 0;
        if text.get(19) == Some(&b'.') {
            for (place, factor) in [(20, 100), (21, 10), (22, 1)] {
                match text.get(place).filter(|b| b.is_ascii_digit()) {
                    Some(digit) => ms += i64::from(digit - b'0') * factor,
                    None => break,
                }
            }
        }
        Some(self.begins + ((hour * 60 + minute) * 60 + second) * 1000 + ms)
    }
}

fn begin_of(day: &[u8; 10]) -> Option<i64> {
    if day[4] != b'-' || day[7] != b'-' {
        return None;
    }
    let year = i16::try_from(two(day, 0)? * 100 + two(day, 2)?).ok()?;
    let (month, day) = (i8::try_from(two(day, 5)?).ok()?, i8::try_from(two(day, 8)?).ok()?);
    let date = jiff::civil::Date::new(year, month, day).ok()?;
    let zoned = date.to_datetime(jiff::civil::Time::midnight()).to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_millisecond().div_euclid(DAY_MS) * DAY_MS)
}

fn two(text: &[u8], at: usize) -> Option<i64> {
    match (text.get(at)?, text.get(at + 1)?) {
        (a @ b'0'..=b'9', b @ b'0'..=b'9') => Some(i64::from(a - b'0') * 10 + i64::from(b - b'0')),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_and_without_milliseconds() {
        let mut clock = Clock::default();
        assert_eq!(clock.time(b"1970-01-02 00:00:01.250 UTC"), Some(DAY_MS + 1250));
        assert_eq!(clock.time(b"1970-01-02 01:00:00 CET"), Some(DAY_MS + 3_600_000));
        assert_eq!(clock.time(b"2026-11-25 16:50:41.910 UTC"), Some(1_795_625_441_910));
        for wrong in ["", "2026-13-01 00:00:00", "2026-11-25T16:50:41", "2026-11-25 16.50.41", "LOG:  x"] {
            let read = clock.time(wrong.as_bytes());
            assert!(read.is_none() || wrong.contains('T'), "{wrong}");
        }
    }

    #[test]
    fn sessions_have_numbers() {
        assert_ne!(session_of(b"6b0711e1.5e45"), session_of(b"6b0711e1.5e46"));
        assert_ne!(session_of(b""), 0);
    }
}
