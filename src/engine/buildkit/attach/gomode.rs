//! File modes as Go's `os.FileMode` has them, which is what the protocol carries.

/// Directory.
pub const DIR: u32 = 1 << 31;
/// Symbolic link.
pub const SYMLINK: u32 = 1 << 27;
/// Device.
pub const DEVICE: u32 = 1 << 26;
/// Named pipe.
pub const FIFO: u32 = 1 << 25;
/// Socket.
pub const SOCKET: u32 = 1 << 24;
/// With [`DEVICE`]: of characters, not of blocks.
pub const CHAR_DEVICE: u32 = 1 << 21;
/// Anything that is no regular file.
pub const TYPE: u32 = DIR | SYMLINK | DEVICE | FIFO | SOCKET | CHAR_DEVICE | 1 << 19;

const SETUID: u32 = 1 << 23;
const SETGID: u32 = 1 << 22;
const STICKY: u32 = 1 << 20;

/// The special bits, in both forms.
const SPECIAL: [(u32, u32); 3] = [(0o4000, SETUID), (0o2000, SETGID), (0o1000, STICKY)];

/// From `st_mode`.
pub fn from_unix(mode: u32) -> u32 {
    let kind = match mode & 0o170_000 {
        0o040_000 => DIR,
        0o120_000 => SYMLINK,
        0o060_000 => DEVICE,
        0o020_000 => DEVICE | CHAR_DEVICE,
        0o010_000 => FIFO,
        0o140_000 => SOCKET,
        _ => 0,
    };
    let special = SPECIAL.iter().filter(|(unix, _)| mode & unix != 0);
    special.fold(kind | (mode & 0o777), |sum, (_, go)| sum | go)
}

/// The twelve permission bits of `st_mode`.
pub fn permissions(mode: u32) -> u32 {
    let special = SPECIAL.iter().filter(|(_, go)| mode & go != 0);
    special.fold(mode & 0o777, |sum, (unix, _)| sum | unix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permission_bits_survive_both_ways() {
        for mode in [0o100_644, 0o104_755, 0o041_777, 0o102_750, 0o120_777] {
            assert_eq!(permissions(from_unix(mode)), mode & 0o7777);
        }
        assert_eq!(from_unix(0o040_755), DIR | 0o755);
    }
}
